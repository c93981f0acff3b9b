"""What stands between the stream and any ear."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from tap_live.events import Warned
from tap_live.outputs.howling import HowlingGuard
from tap_live.outputs.limiter import Limiter
from tap_live.outputs.ramp import Ramp
from tap_live.processor import Audio

Tell: TypeAlias = Callable[[Warned], None]


class EarGuard:
    """A Processor: no NaN, no howling, no shock at the start, no peak over -1 dBFS.

    It delays by its `lookahead`, the limiter's 1.5 ms.
    """

    def __init__(self, rate: int, tell: Tell) -> None:
        self._ramp = Ramp(rate)
        self._limiter = Limiter(rate)
        self._howling = HowlingGuard(rate, tell)
        self.turn = self._ramp.turn
        self.lookahead = self._limiter.lookahead

    def push(self, block: Audio) -> Audio:
        if not np.isfinite(block).all():
            block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
        return self._limiter.push(self._ramp.push(self._howling.push(block)))

    def flush(self) -> Audio:
        self._howling.flush()
        self._ramp.flush()
        return self._limiter.flush()
