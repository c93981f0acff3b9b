"""Short scenes in which a target comes and goes, to tell whether the light of it is right.

Scenes to choose thresholds on are made of voices that were held out of training, and of clips of
split `dev`, from which the encoder of clips did not learn either. Those to measure on are the cases
of lists (`render.py` beside them).
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tap_live.cues.text import TextCues
from tap_live.models.training.augment import fit
from tap_live.models.training.corpus import RATE as SPEECH_RATE
from tap_live.models.training.data import Clip, read_clips
from tap_live.models.training.labels import Kind, Kinds
from tap_live.models.training.sounds import SHORTEST_S
from tap_live.models.training.store import load
from tap_live.models.training.voices import OWN, Voices
from tap_live.processor import Audio
from tap_live.targets import EmbeddedCue
from tap_live.voices.encoder import SpeakerEncoder

SOUND_RATE = 32_000  # Hz
# Who is heard, for s. In every other scene it is `a` that is asked for, else one who never comes.
PLAN = (("b", 4), ("ab", 3), ("a", 4), ("c", 4), ("ab", 3), ("b", 3), ("", 2))
ABSENT = "d"
LOUD = 10 ** (-26 / 20)  # RMS of `a`
SPREAD_DB = 5.0  # by which the others are louder or softer, at most
ROOM = 10 ** (-65 / 20)  # RMS of a quiet room


@dataclass(frozen=True)
class Scene:
    """(T,) what is heard, and what of it the cue asks for: silence where that is not there."""

    cue: EmbeddedCue
    rate: int
    mixture: Audio
    target: Audio


def voice_scenes(voices: Voices, count: int) -> Iterator[Scene]:
    """Scenes of voices, each asked for by another part of its recording."""
    length = sum(seconds for _, seconds in PLAN) * SPEECH_RATE
    for number in range(count):
        rng = np.random.default_rng(number)
        speakers = rng.permutation(len(voices.speakers))[:4]
        drawn = [voices.draw(rng, int(s), OWN, length) for s in speakers]
        heard = {who: audio for who, (audio, _) in zip("abcd", drawn, strict=True)}
        asked = "ad"[number % 2]
        cue = EmbeddedCue("voice:asked", "voice", drawn["abcd".index(asked)][1], _nothing(0))
        yield _scene(rng, cue, SPEECH_RATE, heard, asked)


def sound_scenes(folder: Path, count: int, listed: Set[str] = frozenset()) -> Iterator[Scene]:
    """Scenes of clips of split `dev` below `folder`, asked for as one says their kind.

    Args:
        listed: names of files that are left out: what is chosen here is measured on them.
    """
    kinds, words = Kinds.open(), TextCues.open()
    clips: dict[Kind, list[Clip]] = {}
    for clip in read_clips(folder):
        kind = kinds.find(clip.name, clip.caption)
        if kind is None or clip.split != "dev" or clip.seconds < SHORTEST_S:
            continue
        if clip.file.name not in listed:
            clips.setdefault(kind, []).append(clip)
    for number in range(count):
        rng = np.random.default_rng(number)
        chosen = _apart(rng, list(clips))
        heard = {who: _repeated(rng, clips[kind]) for who, kind in zip("abcd", chosen, strict=True)}
        asked = "ad"[number % 2]
        said = chosen["abcd".index(asked)].sayings[0]
        cue = words.embed(said)
        asking = EmbeddedCue(f"text:{said}", "sound", cue, np.zeros_like(cue))
        yield _scene(rng, asking, SOUND_RATE, heard, asked)


def listed_files(render: Any, names: Sequence[str]) -> set[str]:
    """The names of all files that the cases of lists are made of."""
    cells = {cell for name in names for row in render.rows(name) for cell in row.values()}
    return {Path(cell).name for cell in cells if cell}


def listed_scenes(render: Any, name: str) -> Iterator[Scene]:
    """The cases of a list, asked for by enrolment or in words."""
    voices, words = SpeakerEncoder.open(), TextCues.open()
    for row in render.rows(name):
        if name.startswith("voice"):
            case = render.voice_case(row)
            cue = EmbeddedCue("voice:asked", "voice", voices.embed(case.enrolment), _nothing(0))
            yield Scene(cue, SPEECH_RATE, case.mixture, case.target)
        else:
            case = render.sound_case(row)
            asked = words.embed(case.cue, any_word=True)
            cue = EmbeddedCue(f"text:{case.cue}", "sound", asked, np.zeros_like(asked))
            yield Scene(cue, SOUND_RATE, case.mixture, case.target)


def _scene(
    rng: np.random.Generator, cue: EmbeddedCue, rate: int, heard: dict[str, Audio], asked: str
) -> Scene:
    gains = {who: LOUD * 10 ** (rng.uniform(-SPREAD_DB, SPREAD_DB) / 20) for who in heard}
    gains["a"] = LOUD
    levels = {who: gains[who] / _rms(audio) for who, audio in heard.items()}
    mixture = np.concatenate([rng.standard_normal(s * rate) * ROOM for _, s in PLAN])
    target, at = np.zeros_like(mixture), 0
    for present, seconds in PLAN:
        stretch = slice(at, at + seconds * rate)
        for who in present:
            part = levels[who] * heard[who][stretch]
            mixture[stretch] += part
            if who == asked:
                target[stretch] += part
        at = stretch.stop
    scale = min(1.0, 0.99 / float(np.abs(mixture).max()))
    return Scene(
        cue, rate, (scale * mixture).astype(np.float32), (scale * target).astype(np.float32)
    )


def _apart(rng: np.random.Generator, kinds: Sequence[Kind]) -> list[Kind]:
    """Four kinds of which none would be heard in another."""
    chosen: list[Kind] = []
    for number in rng.permutation(len(kinds)):
        kind = kinds[int(number)]
        if not any(kind.clashes(other) for other in chosen):
            chosen.append(kind)
        if len(chosen) == 4:
            return chosen
    raise ValueError(f"wanted clips of four kinds, found {len(chosen)}")


def _repeated(rng: np.random.Generator, clips: Sequence[Clip]) -> Audio:
    """A clip again and again, begun with each stretch of the plan."""
    clip = load(clips[int(rng.integers(len(clips)))].file, SOUND_RATE)
    return np.concatenate([fit(clip, seconds * SOUND_RATE) for _, seconds in PLAN])


def _rms(audio: Audio) -> float:
    """Over the parts within 40 dB of the loudest 20 ms, so that pauses do not count."""
    frames = audio[: len(audio) // 320 * 320].reshape(-1, 320)
    power = np.square(frames).mean(axis=1)
    return float(np.sqrt(power[power > 1e-4 * power.max()].mean())) + 1e-9


def _nothing(size: int) -> Audio:
    return np.zeros(size, np.float32)
