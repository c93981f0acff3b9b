"""How loud a stream is, ten times a second."""

import numpy as np

from tap_live.audio.levels import loudness
from tap_live.events import Level
from tap_live.extraction import Mixed
from tap_live.processor import Audio, Targets

EVERY_MS = 100


class Meter:
    """Turn what passes into levels; each describes the last `EVERY_MS` or a little more."""

    def __init__(self, rate: int) -> None:
        self._length = rate * EVERY_MS // 1000
        self._names: tuple[str, ...] = ()
        self._restart()

    def push(self, mixed: Mixed) -> list[Level]:
        """Take a block; return a level when enough has passed."""
        self._mixture.append(mixed.mixture)
        self._output.append(mixed.output)
        if mixed.names != self._names:
            self._names = mixed.names
            self._targets.clear()
        self._targets.append(mixed.targets)
        self._passed += len(mixed.mixture)
        if self._passed < self._length:
            return []
        level = Level(
            mixture=loudness(np.concatenate(self._mixture)),
            output=loudness(np.concatenate(self._output)),
            targets=dict(
                zip(self._names, map(loudness, np.concatenate(self._targets, axis=1)), strict=False)
            ),
        )
        self._restart()
        return [level]

    def _restart(self) -> None:
        self._mixture: list[Audio] = []
        self._output: list[Audio] = []
        self._targets: list[Targets] = []  # of the names there are now
        self._passed = 0
