"""Time, passed in, so that tests need not wait for it."""

import time
from threading import Event
from typing import Protocol


class Clock(Protocol):
    """Seconds that only go forward, and a way to let them pass."""

    def now(self) -> float: ...

    def wait(self, stop: Event, seconds: float) -> bool:
        """Let `seconds` pass, or fewer when `stop` is set meanwhile; return whether it is."""
        ...


class SystemClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        return time.monotonic()

    def wait(self, stop: Event, seconds: float) -> bool:
        return stop.wait(seconds)
