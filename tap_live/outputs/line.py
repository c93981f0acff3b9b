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
MORE_S = 0.005  # added to the level when the buffer ran dry
MOST_S = 0.08
REVIEW_S = 30.0  # after which what was never needed is given back, half of it at a time
FADE_S = 0.005
TOO_MUCH_S = 0.15  # over the level: the worker has caught up after a stop, and latency would stay


class Line:
    """A buffer on the device's clock, kept at a level whenever the worker is about to write.

    The level begins at `buffer_s`, which has to be what the device takes at a time and some
    more for the worker's being late. How late that is depends on the machine and its load,
    so the level rises when the buffer runs dry, and falls while it never gets near that.
    The line starts when it is filled, fades out when it runs dry, and starts again.
    """

    def __init__(self, rate: int, device_rate: int, buffer_s: float) -> None:
        self.rate = device_rate
        self.dry = 0  # times that there was nothing to play
        self.skipped = 0  # samples left out to get back to the level
        self._convert = StreamResampler(rate, device_rate)
        self._drift = FractionalResampler()
        bursts_s = self._convert.lookahead / rate  # in which a resampler gives what it has
        self._level = LevelController(device_rate, round((buffer_s + bursts_s) * device_rate))
        self._least = 0  # that was left after the device took its block, lately
        self._reviewed = 0  # position of the ring's end
        self._dry_before = 0
        self._ring = RingBuffer(round(CAPACITY_S * device_rate))
        self._read = 0
        self._playing = False
        self._last = 0.0  # played
        self._too_much = round(TOO_MUCH_S * device_rate)
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
        self._review()
        # between the samples that a limiter sees, sound may be louder
        self._ring.write(np.clip(ready, -1, 1))

    def play(self, frames: NDArray[np.float32]) -> None:
        """Fill (T, C) frames, every channel alike."""
        length = len(frames)
        if self._playing and self.waiting > self._level.target + self._too_much:
            self._skip()
        elif not self._playing and self.waiting >= self._level.target + length:
            self._start(frames, length)
            return
        if self._playing and self.waiting >= length:
            frames[:] = self._take(length)[:, None]
            self._least = min(self._least, self.waiting)
        elif self._playing:
            self._run_dry(frames)
        else:
            frames[:] = 0

    def _review(self) -> None:
        """Fit the level to what was needed; on the worker."""
        level, end = self._level, self._ring.end
        if self.dry > self._dry_before:
            self._dry_before, self._reviewed = self.dry, end
            more = min(level.target + round(MORE_S * self.rate), round(MOST_S * self.rate))
            level.target = max(level.target, more)
        elif end - self._reviewed >= REVIEW_S * self.rate:
            self._reviewed = end
            level.target -= max(0, self._least - round(MORE_S * self.rate)) // 2
            self._least = level.target

    def _start(self, frames: NDArray[np.float32], length: int) -> None:
        self._playing = True
        self._least = self._level.target
        self._read = self._ring.end - self._level.target - length  # older samples were never due
        audio = self._take(length)
        fade = min(len(self._fade), length)
        audio[:fade] *= self._fade[::-1][:fade]
        frames[:] = audio[:, None]

    def _run_dry(self, frames: NDArray[np.float32]) -> None:
        """Play what is left, hold its last value, and fade within the block."""
        rest = self._take(self.waiting)
        end = min(len(frames), len(rest) + len(self._fade))
        audio = np.pad(rest, (0, end - len(rest)), constant_values=self._last)
        fade = min(len(self._fade), end)
        audio[end - fade :] *= self._fade[len(self._fade) - fade :]
        frames[:end] = audio[:, None]
        frames[end:] = 0
        self._playing = False
        self.dry += 1

    def _skip(self) -> None:
        """Go on at the level."""
        before = self._read
        self._read = self._ring.end - self._level.target
        self.skipped += self._read - before

    def _take(self, length: int) -> Audio:
        audio = self._ring.read(self._read, self._read + length)
        self._read += length
        if length:
            self._last = float(audio[-1])
        return audio
