"""Lists of mixtures that others publish, behind the calls that a `render.py` answers.

    open_lists(Path("LibriSpeechMix"))                 list/*.jsonl and data/, as its run.sh makes
    open_lists(Path("Libri2Mix/wav16k/max/test"))      mix_clean, s1, s2; beside LibriSpeech
    open_lists(Path("DATA"))                           speech that is trained on, see training_lists

Every mixture is asked for each of its speakers. LibriSpeechMix says which clips enrol a speaker;
for LibriMix it is the speaker's first other utterance of five seconds or more.
"""

import json
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import soundfile as sf
import soxr

from tap_live.errors import AudioError
from tap_live.export.training_lists import TrainingLists
from tap_live.models.training.data import Clip, read_clips
from tap_live.models.training.evaluate import open_render
from tap_live.processor import Audio
from tap_live.voices.features import RATE

ENROLMENT_S = 5.0


def open_lists(folder: Path, librispeech: Path | None = None) -> Any:
    """Open whatever kind of lists a folder holds.

    Args:
        librispeech: for LibriMix: subsets with their transcripts.
    Raises: AudioError if there are none, or LibriSpeech is wanted and not given.
    """
    if (folder / "render.py").is_file():
        return open_render(folder)
    if any((folder / "list").glob("*.jsonl")):
        return LibriSpeechMix(folder)
    if (folder / "s1").is_dir() and (folder / "mix_clean").is_dir():
        if librispeech is None:
            raise AudioError("LibriMix has no texts: give LibriSpeech's folder with --librispeech")
        return LibriMix(folder, librispeech)
    if (folder / "speech").is_dir():
        return TrainingLists(folder)
    raise AudioError(
        f"wanted render.py, LibriSpeechMix (list/*.jsonl), LibriMix (mix_clean, s1, s2) or speech "
        f"in {folder}, found none of them"
    )


class LibriSpeechMix:
    """Mixtures of one to three speakers who begin one after the other.

    Source: Kanda et al., Interspeech 2020; github.com/NaoyukiKanda/LibriSpeechMix.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def rows(self, name: str) -> list[dict[str, str]]:
        """One row for each speaker of each mixture of a list, `test-clean-2mix`."""
        lines = (self._folder / "list" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        return [row for line in lines for row in _speakers(json.loads(line))]

    def voice_case(self, row: dict[str, str]) -> Any:
        """(.mixture .target .enrolment .text) of a row, at 16 kHz."""
        mixture = self.load(row["mixture"], RATE)
        start = round(float(row["start"]) * RATE)
        target = np.zeros_like(mixture)
        clip = self.load(row["target"], RATE)[: len(mixture) - start]
        target[start : start + len(clip)] = clip
        enrolment = np.concatenate([self.load(f, RATE) for f in row["enrolment"].split("|")])
        return SimpleNamespace(
            mixture=mixture, target=target, enrolment=enrolment, text=row["text"]
        )

    def load(self, file: str, rate: int) -> Audio:
        return _read(self._folder / "data" / file, rate)


def _speakers(mixture: dict[str, Any]) -> list[dict[str, str]]:
    rows = []
    for index, speaker in enumerate(mixture["speakers"]):
        others = [n for n in range(len(mixture["speakers"])) if n != index][:2]
        row = {
            "id": f"{mixture['id']}/{index}",
            "speaker": speaker,
            "mixture": mixture["mixed_wav"],
            "target": mixture["wavs"][index],
            "start": str(mixture["delays"][index]),
            "enrolment": "|".join(
                mixture["speaker_profile"][mixture["speaker_profile_index"][index]]
            ),
            "text": mixture["texts"][index],
        }
        for name, other in zip(("interferer", "interferer2"), others, strict=False):
            row |= {name: mixture["wavs"][other], f"{name}_start": str(mixture["delays"][other])}
        rows.append(row)
    return rows


class LibriMix:
    """Mixtures of two or three speakers, as Libri2Mix and Libri3Mix write them.

    Source: Cosentino et al., arXiv:2005.11262.
    """

    def __init__(self, folder: Path, librispeech: Path) -> None:
        self._folder, self._librispeech = folder, librispeech

    def rows(self, name: str) -> list[dict[str, str]]:
        """One row for each speaker of each mixture below `mix_clean`, `mix_both`."""
        rows = []
        for file in sorted((self._folder / name).glob("*.wav")):
            utterances = file.stem.split("_")
            for index, utterance in enumerate(utterances):
                sources = [f"s{n + 1}/{file.name}" for n in range(len(utterances)) if n != index]
                row = {
                    "id": f"{file.stem}/{index}",
                    "speaker": utterance.split("-")[0],
                    "mixture": f"{name}/{file.name}",
                    "target": f"s{index + 1}/{file.name}",
                    "enrolment": str(self._enrolment(utterance)),
                    "text": self._clips[utterance].text,
                }
                row |= dict(zip(("interferer", "interferer2"), sources, strict=False))
                rows.append(row)
        return rows

    def voice_case(self, row: dict[str, str]) -> Any:
        """(.mixture .target .enrolment .text) of a row, at 16 kHz."""
        return SimpleNamespace(
            mixture=self.load(row["mixture"], RATE),
            target=self.load(row["target"], RATE),
            enrolment=_read(Path(row["enrolment"]), RATE),
            text=row["text"],
        )

    def load(self, file: str, rate: int) -> Audio:
        return _read(self._folder / file, rate)

    @cached_property
    def _clips(self) -> dict[str, Clip]:
        return {clip.file.stem: clip for clip in read_clips(self._librispeech)}

    def _enrolment(self, utterance: str) -> Path:
        speaker = utterance.split("-")[0]
        own = (c for name, c in self._clips.items() if name.split("-")[0] == speaker)
        others = [c for c in own if c.file.stem != utterance]
        long = [c for c in others if c.seconds >= ENROLMENT_S] or others
        if not long:
            raise AudioError(f"wanted another utterance of {speaker} to enrol, found none")
        return min(long, key=lambda clip: clip.file.stem).file


def _read(file: Path, rate: int) -> Audio:
    samples, found = sf.read(file, dtype="float32", always_2d=True)
    mono: Audio = samples.mean(axis=1)
    return mono if found == rate else np.asarray(soxr.resample(mono, found, rate), np.float32)
