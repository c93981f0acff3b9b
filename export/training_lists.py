"""Lists of mixtures of training voices, to settle a choice on: what is on dev lists stays unseen.

    open_lists(Path("DATA")).rows("train_2mix")     two voices at 0 dB, all of the time
    open_lists(Path("DATA")).rows("train_absent")   the same, a third voice asked for

DATA is the folder that training reads: `DATA/speech`, in any layout of `models.training.data`, with
what is said in its clips. An extractor has learned from these voices; what it gains here is the
most that it gains.
"""

from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import soundfile as sf
import soxr

from tap_live.errors import AudioError
from tap_live.models.training.data import Clip, read_clips
from tap_live.processor import Audio
from tap_live.voices.features import RATE

LISTS = {"train_2mix": 80, "train_absent": 40}  # and how many mixtures each has
SECONDS = (3.0, 12.0)  # of a target
ENROLMENT_S = 4.0
LEVEL = 0.05  # RMS of each voice


class TrainingLists:
    """Mixtures drawn with a seed, each time the same. Raises: AudioError if no words are known."""

    def __init__(self, data: Path, seed: int = 0) -> None:
        self._seed = seed
        self._clips: dict[str, list[Clip]] = defaultdict(list)
        for clip in read_clips(data / "speech"):
            if clip.split == "train" and clip.text and clip.seconds >= SECONDS[0]:
                self._clips[clip.name].append(clip)
        self._asked = [  # a clip to know them by, and one that is mixed
            name
            for name, its in self._clips.items()
            if len(its) > 1
            and min(clip.seconds for clip in its) <= SECONDS[1]
            and max(clip.seconds for clip in its) >= ENROLMENT_S
        ]
        if len(self._asked) < 3:
            raise AudioError(
                f"wanted three voices in {data / 'speech'}, each with two clips whose words are "
                f"known, one of {SECONDS[1]:.0f} s or less and one of {ENROLMENT_S:.0f} s or more, "
                f"found {len(self._asked)}"
            )

    def rows(self, name: str) -> list[dict[str, str]]:
        """Raises: AudioError of a list that there is not."""
        if name not in LISTS:
            raise AudioError(f"wanted one of {', '.join(LISTS)}, found {name}")
        rng = np.random.default_rng([self._seed, list(LISTS).index(name)])
        return [self._row(rng, number, name == "train_absent") for number in range(LISTS[name])]

    def voice_case(self, row: dict[str, str]) -> Any:
        """(.mixture .target .enrolment .text) of a row, at 16 kHz."""
        target, other = (_level(self.load(row[one], RATE)) for one in ("target", "interferer"))
        mixture = target + np.resize(other, len(target))
        there = not row.get("absent")
        return SimpleNamespace(
            mixture=mixture,
            target=target if there else np.zeros_like(target),
            enrolment=self.load(row["enrolment"], RATE),
            text=row["text"],
        )

    def load(self, file: str, rate: int) -> Audio:
        samples, found = sf.read(file, dtype="float32", always_2d=True)
        mono: Audio = samples.mean(axis=1)
        return mono if found == rate else np.asarray(soxr.resample(mono, found, rate), np.float32)

    def _row(self, rng: np.random.Generator, number: int, absent: bool) -> dict[str, str]:
        one, two, three = (str(name) for name in rng.choice(self._asked, 3, replace=False))
        short = [clip for clip in self._clips[one] if clip.seconds <= SECONDS[1]]
        target, other = (its[rng.integers(len(its))] for its in (short, self._clips[two]))
        known = [
            clip
            for clip in self._clips[three if absent else one]
            if clip != target and clip.seconds >= ENROLMENT_S
        ] or [clip for clip in self._clips[three if absent else one] if clip != target]
        return {
            "id": f"t{number:03d}",
            "speaker": three if absent else one,
            "target": str(target.file),
            "interferer": str(other.file),
            "enrolment": str(known[rng.integers(len(known))].file),
            "text": "" if absent else target.text,
            "absent": "1" if absent else "",
        }


def _level(audio: Audio) -> Audio:
    """A voice at the level that every voice here has."""
    return np.asarray(audio * (LEVEL / (np.sqrt(np.mean(audio**2)) + 1e-9)), np.float32)
