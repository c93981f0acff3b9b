"""How much of a core a stage takes."""

import time

from tap_live.events import StageStats

MEMORY_S = 10  # a share is an average over about this long


class Workload:
    """Measure the compute of one thread: `with workload: ...` around each piece of work."""

    def __init__(self) -> None:
        self._last = 0.0  # seconds of compute of the newest piece
        self._share = 0.0
        self._spent = 0.0
        self._since = time.monotonic()

    def __enter__(self) -> None:
        self._start = time.thread_time()

    def __exit__(self, *_: object) -> None:
        self._last = time.thread_time() - self._start
        self._spent += self._last
        elapsed = time.monotonic() - self._since
        if elapsed >= 1:
            weight = min(1.0, elapsed / MEMORY_S)
            self._share += weight * (self._spent / elapsed - self._share)
            self._spent, self._since = 0.0, time.monotonic()

    def stats(self, delay: float) -> StageStats:
        """Say what the stage takes; `delay` is how far behind it is, in seconds."""
        return StageStats(delay=delay, time=self._last, share=self._share)
