"""Where somebody speaks in a recording, so that words heard elsewhere are not believed."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import numpy as np

from tap_live.captions.vad import RATE, WINDOW, Edge, Probabilities, Segmenter, Vad
from tap_live.processor import Audio

KEPT = 60 * RATE // WINDOW  # windows: Whisper has read at most 31 s beyond what it says

Knows: TypeAlias = Callable[[Audio, Probabilities], bool]
"""Whether (T,) samples at 16 kHz are of a voice, by how likely somebody speaks in each window."""


class SpeechMap:
    """Listen to a recording before it is read by somebody else."""

    def __init__(self, vad: Vad) -> None:
        self._vad = vad
        self._segmenter = Segmenter()
        self._regions: list[tuple[float, float]] = []  # seconds; the last may be open

    def heard(self, blocks: Iterable[Audio]) -> Iterator[Audio]:
        """Pass 16 kHz blocks through, taking note of the speech in them."""
        for block in blocks:
            self._note(self._segmenter.push(self._vad.push(block)))
            yield block
        self._note(self._segmenter.push(self._vad.flush()))
        self._note(self._segmenter.flush())

    def spoken(self, start: float, end: float) -> bool:
        """Whether somebody speaks between two times that have been heard."""
        return any(begin < end and start < stop for begin, stop in self._regions)

    def _note(self, edges: Iterable[Edge]) -> None:
        for edge in edges:
            if edge.kind == "start":
                self._regions.append((edge.position / RATE, math.inf))
            elif edge.kind == "end":
                self._regions[-1] = (self._regions[-1][0], edge.position / RATE)


class VoiceMap:
    """The same of one voice: what is spoken between two times is heard again, as a whole."""

    def __init__(self, vad: Vad, knows: Knows) -> None:
        self._vad, self._knows = vad, knows
        self._first = 0  # window of the recording that is the first of those kept
        self._audio = np.empty(0, np.float32)
        self._odds = np.empty(0, np.float32)

    def heard(self, blocks: Iterable[Audio]) -> Iterator[Audio]:
        """Pass 16 kHz blocks through, a second or less at a time, and keep the newest minute."""
        for piece in (
            block[at : at + RATE] for block in blocks for at in range(0, len(block), RATE)
        ):
            self._keep(piece, self._vad.push(piece))
            yield piece
        self._keep(np.empty(0, np.float32), self._vad.flush())

    def spoken(self, start: float, end: float) -> bool:
        """Whether it is the voice who speaks between two times, heard within the last minute."""
        first = max(0, math.floor(start * RATE / WINDOW) - self._first)
        last = max(0, math.ceil(end * RATE / WINDOW) - self._first)
        return self._knows(self._audio[first * WINDOW : last * WINDOW], self._odds[first:last])

    def _keep(self, audio: Audio, odds: Probabilities) -> None:
        self._audio = np.concatenate([self._audio, audio])
        self._odds = np.concatenate([self._odds, odds])
        spare = max(0, len(self._audio) // WINDOW - KEPT)
        self._first += spare
        self._audio, self._odds = self._audio[spare * WINDOW :], self._odds[spare:]
