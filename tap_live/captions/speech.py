"""Where somebody speaks in a recording, so that words heard elsewhere are not believed."""

import math
from collections.abc import Iterable, Iterator

from tap_live.captions.vad import RATE, Edge, Segmenter, Vad
from tap_live.processor import Audio


class SpeechMap:
    """Listen to a recording as it is read by somebody else."""

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
