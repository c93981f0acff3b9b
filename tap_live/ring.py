"""The ring between a sound device's callback and the workers."""

import numpy as np

from tap_live.errors import ConfigError, OverrunError
from tap_live.processor import Audio


class RingBuffer:
    """Keep the newest `capacity` samples, addressed by position in the stream.

    One thread writes, others read, without locks: the callback never waits.

    A write moves `_writing` ahead of the samples it is about to overwrite, copies,
    then moves `end`. A reader copies first and checks `_writing` afterwards, so a
    sample that changed under the copy is reported as lost, never returned.
    (Each of these is one assignment of an int, which CPython makes atomic.)
    """

    def __init__(self, capacity: int, channels: int | None = None) -> None:
        """Make a ring of (T,) samples, or with `channels` of (T, channels)."""
        if capacity < 1:
            raise ConfigError(f"a ring holds at least 1 sample, not {capacity}")
        self.capacity = capacity
        self.end = 0  # position after the newest sample
        self._writing = 0  # position after the newest sample that may be half written
        self._shape = () if channels is None else (channels,)  # of a sample
        self._samples = self.silence(capacity)

    @property
    def oldest(self) -> int:
        """Position of the oldest sample still held."""
        return max(0, self._writing - self.capacity)

    def silence(self, length: int) -> Audio:
        """So many samples of silence, of the shape that samples here have."""
        return np.zeros((length, *self._shape), np.float32)

    def write(self, block: Audio) -> None:
        """Append samples, overwriting the oldest. One thread only."""
        stop = self.end + len(block)
        self._writing = stop
        newest = block[-self.capacity :]
        start = (stop - len(newest)) % self.capacity
        head = min(len(newest), self.capacity - start)
        self._samples[start : start + head] = newest[:head]
        self._samples[: len(newest) - head] = newest[head:]
        self.end = stop

    def read(self, start: int, stop: int) -> Audio:
        """Copy the samples from `start` up to `stop`.

        Raises: OverrunError if the first of them are gone; ValueError if `stop` is
            not yet written or before `start`.
        """
        if not 0 <= start <= stop <= self.end:
            raise ValueError(f"cannot read {start} to {stop}: the stream is at {self.end}")
        if start < self.oldest:
            raise OverrunError(start, self.oldest)
        first, length = start % self.capacity, stop - start
        head = min(length, self.capacity - first)
        block = np.empty((length, *self._shape), np.float32)
        block[:head] = self._samples[first : first + head]
        block[head:] = self._samples[: length - head]
        if start < self.oldest:  # overtaken while copying
            raise OverrunError(start, self.oldest)
        return block
