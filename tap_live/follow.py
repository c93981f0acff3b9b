"""How a worker reads a ring: everything in order, and silence for what came too fast."""

import time
from collections.abc import Callable, Iterator

from tap_live.errors import OverrunError
from tap_live.processor import Audio
from tap_live.ring import RingBuffer

POLL_S = 0.004  # a quarter of the shortest hop


class Follower:
    """Read all that is written to a ring, once.

    Args:
        block: most samples in one piece.
        keep: after an overrun go on this many samples behind the newest; 0 goes on
            with the oldest held. A reader that was slow needs room to catch up.
        position: of the first sample to read.
        on_gap: told (start, stop) before silence of that length takes the place of
            samples that were overwritten, so that positions stay true.
    """

    def __init__(
        self,
        ring: RingBuffer,
        *,
        block: int,
        on_gap: Callable[[int, int], None],
        keep: int = 0,
        position: int = 0,
    ) -> None:
        self.position = position  # after the newest sample read
        self._ring = ring
        self._block = block
        self._on_gap = on_gap
        self._keep = keep

    def blocks(
        self, ended: Callable[[], bool], wait: Callable[[float], None] = time.sleep
    ) -> Iterator[Audio]:
        """Yield everything in order, until nothing more will be written and all is read.

        Args:
            ended: whether nothing more will be written.
            wait: called with seconds when there is nothing to read.
        """
        while True:
            finished = ended()  # asked before `end` is read: nothing can come in between
            stop = min(self._ring.end, self.position + self._block)
            if stop > self.position:
                yield from self._read(stop)
            elif finished:
                return
            else:
                wait(POLL_S)

    def _read(self, stop: int) -> Iterator[Audio]:
        try:
            audio = self._ring.read(self.position, stop)
        except OverrunError as error:
            resume = self._ring.end - self._keep if self._keep else 0
            yield from self._silence(max(error.oldest, resume))
        else:
            self.position = stop
            yield audio

    def _silence(self, stop: int) -> Iterator[Audio]:
        self._on_gap(self.position, stop)
        while self.position < stop:
            length = min(self._block, stop - self.position)
            self.position += length
            yield self._ring.silence(length)
