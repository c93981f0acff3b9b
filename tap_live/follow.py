"""How a worker reads a ring: everything in order, and silence for what came too fast."""

import time
from collections.abc import Callable, Iterator

import numpy as np

from tap_live.errors import OverrunError
from tap_live.processor import Audio
from tap_live.ring import RingBuffer

POLL_S = 0.004  # a quarter of the shortest hop


def follow(
    ring: RingBuffer,
    ended: Callable[[], bool],
    *,
    block: int,
    on_gap: Callable[[int, int], None],
    keep: int = 0,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[Audio]:
    """Yield all samples written to a ring, until it has ended and all are read.

    Samples that were overwritten are yielded as silence, so that positions stay true,
    after `on_gap(start, stop)` was told.

    Args:
        ended: whether nothing more will be written.
        block: most samples in one piece.
        keep: after an overrun go on this many samples behind the newest; 0 goes on
            with the oldest held. A reader that was slow needs room to catch up.
        wait: called with seconds when there is nothing to read.
    """
    position = 0
    while True:
        finished = ended()  # asked before `end` is read: nothing can come in between
        stop = min(ring.end, position + block)
        if stop == position:
            if finished:
                return
            wait(POLL_S)
            continue
        try:
            audio = ring.read(position, stop)
        except OverrunError as error:
            stop = max(error.oldest, ring.end - keep if keep else 0)
            on_gap(position, stop)
            yield from _silence(stop - position, block)
        else:
            yield audio
        position = stop


def _silence(length: int, block: int) -> Iterator[Audio]:
    for start in range(0, length, block):
        yield np.zeros(min(block, length - start), np.float32)
