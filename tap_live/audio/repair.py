"""Samples that cannot be true: NaN, infinity, and a converter at its end."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from tap_live.events import Warned
from tap_live.processor import Audio

Tell: TypeAlias = Callable[[Warned], None]

CLIPPED_LEVEL = 0.999  # of full scale
CLIPPED_RUN = 4  # samples in a row at that level; a lone peak is no clipping


class Repair:
    """Replace what is not a number by silence, notice clipping, and say so once each."""

    def __init__(self, what: str, rate: int, tell: Tell) -> None:
        self.not_finite = 0  # samples replaced
        self.clipped = 0  # samples found
        self._what = what
        self._rate = rate
        self._tell = tell
        self._position = 0

    def push(self, block: Audio) -> Audio:
        """Return (T,) samples that are all finite; the same array if they were."""
        finite = np.isfinite(block)
        if not finite.all():
            block = np.where(finite, block, np.float32(0))
            self._note_not_finite(int(len(block) - finite.sum()), int(finite.argmin()))
        if len(block) and np.abs(block).max() >= CLIPPED_LEVEL:
            self._note_clipped(block)
        self._position += len(block)
        return block

    def _note_not_finite(self, count: int, first: int) -> None:
        if not self.not_finite:
            at = self._seconds(first)
            self._tell(
                Warned(
                    code="not-finite",
                    text=f"{self._what} holds samples that are no numbers (NaN or infinite), "
                    f"first at {at:.2f} s; they are replaced by silence",
                    start=at,
                )
            )
        self.not_finite += count

    def _note_clipped(self, block: Audio) -> None:
        loud = np.concatenate(([0], np.where(np.abs(block) >= CLIPPED_LEVEL, np.sign(block), 0)))
        edges = np.append(np.flatnonzero(np.diff(loud)), len(block))
        runs = np.diff(edges)
        long = (runs >= CLIPPED_RUN) & (loud[edges[:-1] + 1] != 0)
        if not long.any():
            return
        if not self.clipped:
            at = self._seconds(int(edges[:-1][long][0]))
            self._tell(
                Warned(
                    code="clipped",
                    text=f"{self._what} is clipped, first at {at:.2f} s; "
                    "record it with less gain for better results",
                    start=at,
                )
            )
        self.clipped += int(runs[long].sum())

    def _seconds(self, offset: int) -> float:
        return (self._position + offset) / self._rate
