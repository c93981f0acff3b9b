"""What chunked extraction keeps of streams: the newest samples, and rows at another rate."""

from collections.abc import Sequence

import numpy as np
import soxr

from tap_live.processor import Audio, Targets

CHANNELS = 20  # rows at once: all targets, and those that they replace


class Newest:
    """The newest samples of a stream, by their position in it; silence before it began."""

    def __init__(self, length: int) -> None:
        self.end = 0
        self._length = length
        self._held = np.zeros(2 * length, np.float32)
        self._filled = length

    def write(self, block: Audio) -> None:
        self.end += len(block)
        for start in range(0, len(block), self._length):
            part = block[start : start + self._length]
            if self._filled + len(part) > len(self._held):
                self._held[: self._length] = self._held[self._filled - self._length : self._filled]
                self._filled = self._length
            self._held[self._filled : self._filled + len(part)] = part
            self._filled += len(part)

    def read(self, stop: int, count: int) -> Audio:
        """Copy `count` samples up to position `stop`."""
        last = self._filled - (self.end - stop)
        return self._held[last - count : last].copy()


class Rows:
    """Resample rows that come and go, in step: each has a channel of one resampler."""

    _channels: list[int]  # of each row
    _free: list[int]  # the others, the one that was given up longest ago first

    def __init__(self, rate_in: int, rate_out: int) -> None:
        self._rates = (rate_in, rate_out)
        self._passing = rate_in == rate_out
        self.restart(0)

    def arrange(self, kept: Sequence[int | None]) -> None:
        """Go on with these of the rows, and new ones, silent so far, where there is None."""
        channels = [None if k is None else self._channels[k] for k in kept]
        self._free += [one for one in self._channels if one not in channels]
        # The one that was given up longest ago: nothing of its row is left in the filter.
        self._channels = [self._free.pop(0) if one is None else one for one in channels]

    def push(self, rows: Targets) -> Targets:
        if self._passing:
            return rows
        return self._resampled(rows, last=False)

    def flush(self) -> Targets:
        count = len(self._channels)
        rest = np.empty((count, 0), np.float32)
        return rest if self._passing else self._resampled(rest, last=True)

    def restart(self, count: int) -> None:
        self._channels = list(range(count))
        self._free = list(range(count, CHANNELS))
        self._stream = soxr.ResampleStream(*self._rates, CHANNELS, dtype="float32")

    def _resampled(self, rows: Targets, last: bool) -> Targets:
        block = np.zeros((rows.shape[1], CHANNELS), np.float32)
        block[:, self._channels] = rows.T
        found: Targets = self._stream.resample_chunk(block, last=last).T
        return found[self._channels]
