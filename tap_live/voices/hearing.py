"""What a stream's speech says about who speaks: evidence every 0.2 s of speech."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tap_live.processor import Audio
from tap_live.voices.encoder import LENGTHS, STEP_FRAMES, RollingWindows, SpeakerEncoder
from tap_live.voices.features import BANDS, HOP, Mel, MelStream
from tap_live.voices.scoring import Print, Scorer
from tap_live.voices.speech import LEVEL_DBFS

KEPT = 150  # frames, 1.5 s: a stretch is noticed late
_FLOOR = 1e-3  # of the level; what is fainter is a gap between words
_SILENCE = 1e-7  # power, -70 dBFS
_MEMORY = 300  # frames, 3 s, over which the level follows
_PRIOR = 30  # frames that the level before a stretch counts for


@dataclass(frozen=True)
class Step:
    """0.2 s of speech, whose evidence grows as later windows cover it too."""

    position: int  # in the stream, where it begins
    ratios: NDArray[np.float32]  # (K,) log-likelihood ratio of each voice against a stranger


class Hearing:
    """Follow a 16 kHz stream; say for each stretch of speech in it whose it may be.

    A window's evidence is spread over the steps that it covers, and a step's evidence
    is the mean of its windows'.
    """

    def __init__(self, encoder: SpeakerEncoder, scorer: Scorer, prints: Sequence[Print]) -> None:
        self._scorer, self._prints = scorer, prints
        self._mel = MelStream()
        self._windows = RollingWindows(encoder)
        self._level = 0.0  # power of speech, 0 while not known
        self.restart()

    def restart(self) -> None:
        """Forget the stream."""
        self._mel.flush()
        self._frames = np.zeros((0, BANDS), np.float32)
        self._power = np.zeros(0, np.float64)
        self._samples = np.zeros(0, np.float32)
        self._base = 0  # of the first frame kept
        self._level = 0.0
        self.count = 0  # steps heard so far
        self._next: int | None = None  # frame that the open stretch goes on with
        self._begin_steps()

    def push(self, audio: Audio) -> None:
        """Take the next samples."""
        self._frames = np.concatenate([self._frames, self._mel.push(audio)])
        self._samples = np.concatenate([self._samples, audio])
        whole = len(self._samples) // HOP
        blocks = self._samples[: whole * HOP].reshape(whole, HOP)
        power = np.square(blocks, dtype=np.float64).mean(axis=1)
        self._power = np.concatenate([self._power, power])
        self._samples = self._samples[whole * HOP :]
        self._read()
        spare = min(len(self._frames), len(self._power)) - KEPT
        if spare > KEPT:
            self._frames, self._power = self._frames[spare:], self._power[spare:]
            self._base += spare

    def begin(self, position: int) -> None:
        """Speech begins, at a position that may lie a second back: maybe somebody else's."""
        self._next = max(position // HOP, self._base)
        self._begin_steps()
        self._read()

    def end(self) -> None:
        """Speech pauses."""
        self._next = None

    def steps(self) -> list[Step]:
        """Return the steps of the stretch that is open, or ended last, oldest first."""
        return [
            Step(position, np.mean(found, axis=0))
            for position, found in zip(self._positions, self._found, strict=True)
        ]

    def drop(self, count: int) -> None:
        """Forget the oldest steps of the stretch."""
        del self._positions[:count], self._found[:count]

    def _begin_steps(self) -> None:
        self._windows.restart()
        self._positions: list[int] = []
        self._found: list[list[NDArray[np.float32]]] = []
        self._taken: list[tuple[int, Mel]] = []  # the step that is being filled
        self._heard, self._weight = 0.0, 0.0  # power in this stretch, frames it is of
        self._age = 0

    def _read(self) -> None:
        """Take all frames that there are into steps."""
        if self._next is None:
            return
        end = self._base + min(len(self._frames), len(self._power))
        for frame in range(self._next, end):
            power = self._power[frame - self._base]
            if power < max(_SILENCE, _FLOOR * self._level):
                continue
            self._taken.append((frame, self._frames[frame - self._base]))
            self._follow(power)
            if len(self._taken) == STEP_FRAMES:
                self._step()
        self._next = max(end, self._next)

    def _follow(self, power: float) -> None:
        """Let the level follow: at first what was known before counts too."""
        if self._weight == 0.0:
            self._heard, self._weight = self._level * _PRIOR, _PRIOR if self._level else 0.0
        if self._weight >= _MEMORY:
            self._heard *= 1 - 1 / _MEMORY
            self._weight *= 1 - 1 / _MEMORY
        self._heard += power
        self._weight += 1
        self._level = self._heard / self._weight

    def _step(self) -> None:
        mel = np.stack([frame for _, frame in self._taken])  # (20, 40)
        mel *= np.float32(10 ** (LEVEL_DBFS / 10) / self._level)
        self._positions.append(self._taken[0][0] * HOP)
        self._found.append([])
        self._taken = []
        states = self._windows.step(mel)
        self._age += 1
        self.count += 1
        lengths = {min(self._age, LENGTHS), min(self._age, LENGTHS // 2)}
        for length in lengths:  # the long window is surer, the short one sharper
            ratios = self._scorer.ratios(states[length - 1], length, self._prints)
            for found in self._found[-length:]:
                found.append(ratios / np.float32(length))
