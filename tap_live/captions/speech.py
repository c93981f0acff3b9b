"""Where somebody speaks in a recording, so that words heard elsewhere are not believed."""

import math
from collections.abc import Iterable, Iterator

import numpy as np

from tap_live.captions.gate import Everyone, Gate
from tap_live.captions.vad import RATE, WINDOW, Edge, Segmenter, Vad
from tap_live.processor import Audio


class SpeechMap:
    """Listen to a recording as it is read by somebody else.

    Args:
        gate: says whose speech counts; None: everybody's.
        share: of a time, how much must be such speech for its words to be believed; 0: any of it.
    """

    def __init__(self, vad: Vad, gate: Gate | None = None, share: float = 0.0) -> None:
        self._vad, self._gate, self._share = vad, gate or Everyone(), share
        self._segmenter = Segmenter()
        self._waiting = np.empty(0, np.float32)
        self._regions: list[tuple[float, float]] = []  # seconds; the last may be open

    def heard(self, blocks: Iterable[Audio]) -> Iterator[Audio]:
        """Pass 16 kHz blocks through, taking note of the speech in them."""
        for block in blocks:
            self._listen(block)
            yield block
        if len(self._waiting):
            self._listen(np.zeros(WINDOW - len(self._waiting), np.float32))
        self._vad.flush()
        self._note(self._gate.flush(self._segmenter.flush()))

    def spoken(self, start: float, end: float) -> bool:
        """Whether somebody speaks between two times that have been heard."""
        overlaps = (min(end, stop) - max(start, begin) for begin, stop in self._regions)
        spoken = sum(overlap for overlap in overlaps if overlap > 0)
        return spoken > 0 and spoken >= self._share * (end - start)

    def _listen(self, block: Audio) -> None:
        self._waiting = np.concatenate([self._waiting, block])
        whole = len(self._waiting) // WINDOW * WINDOW
        ready, self._waiting = self._waiting[:whole], self._waiting[whole:]
        for window in ready.reshape(-1, WINDOW):
            self._note(self._gate.push(window, self._segmenter.push(self._vad.push(window))))

    def _note(self, edges: Iterable[Edge]) -> None:
        for edge in edges:
            if edge.kind == "start":
                self._regions.append((edge.position / RATE, math.inf))
            elif edge.kind == "end":
                self._regions[-1] = (self._regions[-1][0], edge.position / RATE)
