"""Where the service gets audio from: a queue that the extraction thread fills and never waits for.

`push` runs on the extraction thread, `turn` and `take` on the service's.
"""

import queue

from tap_live.extraction import Mixed

MOST_WAITING = 128  # blocks, some two seconds


class AudioTap:
    """Count positions always, keep audio only while somebody listens."""

    def __init__(self) -> None:
        self.left_out = 0  # blocks
        self._open = False
        self._position = 0
        self._blocks: queue.SimpleQueue[tuple[int, Mixed]] = queue.SimpleQueue()

    def push(self, mixed: Mixed) -> None:
        """Take a block; never waits."""
        position, self._position = self._position, self._position + len(mixed.mixture)
        if not self._open or not len(mixed.mixture):
            return
        if self._blocks.qsize() < MOST_WAITING:
            self._blocks.put((position, mixed))
        else:
            self.left_out += 1

    def turn(self, on: bool) -> None:
        self._open = on

    def take(self) -> list[tuple[int, Mixed]]:
        """Return what came since: the position of each block's first sample, and the block."""
        return [self._blocks.get() for _ in range(self._blocks.qsize())]
