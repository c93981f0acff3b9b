"""Mixture in, what the listener gets out; and the worker that does it live.

`Extraction` is the Processor that live and offline commands share. `run` is the
extraction worker's thread: it reads the ring that the source's callback writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tap_live.mix import mix
from tap_live.processor import Audio, Extractor, Targets


@dataclass(frozen=True)
class Mixed:
    """The same moment three ways: (T,), (T,) and (K, T)."""

    mixture: Audio
    output: Audio
    targets: Targets


class Extraction:
    """Extract targets and mix them with the rest: a `Processor[Mixed]`.

    Without an extractor there are no targets and everything is the rest.
    """

    def __init__(
        self,
        extractor: Extractor | None = None,
        *,
        gains: Sequence[float] = (),
        rest_gain: float = 1.0,
    ) -> None:
        self.lookahead = extractor.lookahead if extractor else 0
        self._extractor = extractor
        self._gains = gains
        self._rest_gain = rest_gain
        self._waiting = np.empty(0, np.float32)  # mixture whose targets are not ready

    def push(self, block: Audio) -> Mixed:
        if self._extractor is None:
            return self._align(block, np.empty((0, len(block)), np.float32))
        return self._align(block, self._extractor.push(block))

    def flush(self) -> Mixed:
        empty = np.empty(0, np.float32)
        if self._extractor is None:
            return self._align(empty, np.empty((0, 0), np.float32))
        return self._align(empty, self._extractor.flush())

    def _align(self, block: Audio, targets: Targets) -> Mixed:
        heard = np.concatenate([self._waiting, block])
        ready = targets.shape[1]
        mixture, self._waiting = heard[:ready], heard[ready:]
        return Mixed(mixture, mix(mixture, targets, self._gains, self._rest_gain), targets)
