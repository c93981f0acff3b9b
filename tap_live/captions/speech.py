"""Where somebody speaks in a recording, so that words heard elsewhere are not believed."""

import math
from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from tap_live.captions.gate import Gate
from tap_live.captions.vad import RATE, WINDOW, Edge, Segmenter, Vad
from tap_live.processor import Audio

LATE = 2 * RATE  # samples after which a gate has decided: it takes up to 1.8 s


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


class TurnMap(SpeechMap):
    """The same of those whom a gate lets in; blocks are passed on when it has decided.

    Args:
        share: of a time, how much must be theirs for its words to be believed.
    """

    def __init__(self, vad: Vad, gate: Gate, share: float) -> None:
        super().__init__(vad)
        self._gate, self._share = gate, share
        self._waiting = np.empty(0, np.float32)

    def heard(self, blocks: Iterable[Audio]) -> Iterator[Audio]:
        held, length = deque[Audio](), 0
        for block in blocks:
            self._listen(block)
            held.append(block)
            length += len(block)
            while length - len(held[0]) >= LATE:
                length -= len(held[0])
                yield held.popleft()
        if len(self._waiting):
            self._listen(np.zeros(WINDOW - len(self._waiting), np.float32))
        self._note(self._gate.flush(self._segmenter.flush()))
        yield from held

    def spoken(self, start: float, end: float) -> bool:
        """Whether enough between two times that have been heard is theirs."""
        overlaps = (min(end, stop) - max(start, begin) for begin, stop in self._regions)
        theirs = sum(overlap for overlap in overlaps if overlap > 0)
        return theirs > 0 and theirs >= self._share * (end - start)

    def _listen(self, block: Audio) -> None:
        """Window by window, so that the gate learns of every edge when it is noticed."""
        self._waiting = np.concatenate([self._waiting, block])
        whole = len(self._waiting) // WINDOW * WINDOW
        ready, self._waiting = self._waiting[:whole], self._waiting[whole:]
        for window in ready.reshape(-1, WINDOW):
            self._note(self._gate.push(window, self._segmenter.push(self._vad.push(window))))
