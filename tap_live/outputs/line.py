"""What lies between the worker and one open output device.

`write` runs on the extraction worker, `play` on the device's callback; the ring is
all they share, and `_read`, which only the callback moves.
"""

import numpy as np
from numpy.typing import NDArray

from tap_live.audio.resample import StreamResampler
from tap_live.outputs.drift import FractionalResampler, LevelController
from tap_live.processor import Audio
from tap_live.ring import RingBuffer

CAPACITY_S = 2.0
FADE_S = 0.005
TOO_MUCH_S = 0.15  # over the level: the worker has caught up after a stop, and latency would stay


class Line:
    """A buffer on the device's clock, which holds `buffer_s` whenever the worker is about to write.

    That has to be what the device takes at a time and a little for the worker's being late.
    It starts when it is filled, fades out when it runs dry, and starts again.
    """

    def __init__(self, rate: int, device_rate: int, buffer_s: float) -> None:
        self.rate = device_rate
        self.dry = 0  # times that there was nothing to play
        self.skipped = 0  # samples left out to get back to the level
        self._convert = StreamResampler(rate, device_rate)
        self._drift = FractionalResampler()
        bursts_s = self._convert.lookahead / rate  # in which a resampler gives what it has
        self._target = max(1, round((buffer_s + bursts_s) * device_rate))
        self._level = LevelController(device_rate, self._target)
        self._ring = RingBuffer(round(CAPACITY_S * device_rate))
        self._read = 0
        self._playing = False
        self._too_much = self._target + round(TOO_MUCH_S * device_rate)
        self._fade = np.linspace(1, 0, round(FADE_S * device_rate), dtype=np.float32)

    @property
    def waiting(self) -> int:
        """Samples that the device has not taken yet."""
        return self._ring.end - self._read

    def write(self, block: Audio) -> None:
        """Take (T,) samples at the stream rate."""
        ready = self._drift.push(self._convert.push(block))
        if self._playing:
            self._drift.set_ratio(self._level.see(self.waiting, len(ready)))
        # between the samples that a limiter sees, sound may be louder
        self._ring.write(np.clip(ready, -1, 1))

    def play(self, frames: NDArray[np.float32]) -> None:
        """Fill (T, C) frames, every channel alike."""
        length = len(frames)
        if self._playing and self.waiting > self._too_much:
            self._skip()
        elif not self._playing and self.waiting >= self._target + length:
            self._start(frames, length)
            return
        if self._playing and self.waiting >= length:
            frames[:] = self._take(length)[:, None]
        elif self._playing:
            self._run_dry(frames)
        else:
            frames[:] = 0

    def _start(self, frames: NDArray[np.float32], length: int) -> None:
        self._playing = True
        self._read = self._ring.end - self._target - length  # older samples were never due
        audio = self._take(length)
        fade = min(len(self._fade), length)
        audio[:fade] *= self._fade[::-1][:fade]
        frames[:] = audio[:, None]

    def _run_dry(self, frames: NDArray[np.float32]) -> None:
        rest = self._take(self.waiting)
        fade = min(len(self._fade), len(rest))
        rest[len(rest) - fade :] *= self._fade[len(self._fade) - fade :]
        frames[: len(rest)] = rest[:, None]
        frames[len(rest) :] = 0
        self._playing = False
        self.dry += 1

    def _skip(self) -> None:
        """Go on at the level."""
        before = self._read
        self._read = self._ring.end - self._target
        self.skipped += self._read - before

    def _take(self, length: int) -> Audio:
        audio = self._ring.read(self._read, self._read + length)
        self._read += length
        return audio
