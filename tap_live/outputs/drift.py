"""Two devices, two clocks: resample by a hair, so that a buffer between them keeps its level."""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tap_live.processor import Audio

TAPS = 32  # a third of a millisecond at 48 kHz
PHASES = 512
CUTOFF = 0.92  # of half the rate
BETA = 8.0  # of the Kaiser window: stopband 80 dB down

MOST = 1e-3  # 1.7 cents; 5 are heard. Clocks of devices differ by 1e-4 at most
SETTLE_S = 20.0  # of the controller
SMOOTH_S = 1.0  # of the level that it sees: blocks in and out make a saw of it


class FractionalResampler:
    """Resample by a ratio close to 1 that may change at any time, without a click.

    A windowed sinc, tabulated at `PHASES` places between two samples and interpolated
    linearly. It withholds `lookahead` samples and no more; soxr's variable-rate mode, which
    it stands in for, is marked experimental and does not state its delay.
    """

    lookahead = TAPS // 2

    def __init__(self) -> None:
        self._table = _sinc_table()
        self._begin()

    def _begin(self) -> None:
        self._step = 1.0
        self._waiting = np.zeros(TAPS // 2 - 1, np.float32)
        self._next = 0.0  # place of the next output, in samples from the first that wait

    def set_ratio(self, ratio: float) -> None:
        """Give `ratio` samples out for each in, from the next block on."""
        self._step = 1 / ratio

    def push(self, block: Audio) -> Audio:
        """Take (T,) samples, return about T times the ratio."""
        heard = np.concatenate([self._waiting, block])
        count = max(0, math.ceil((len(heard) - TAPS + 1 - self._next) / self._step))
        if not count:
            self._waiting = heard
            return np.empty(0, np.float32)
        places = self._next + self._step * np.arange(count, dtype=np.float64)
        whole = places.astype(np.int64)
        windows = sliding_window_view(heard, TAPS)[whole]  # (N, TAPS)
        out: Audio = np.sum(windows * self._weights(places - whole), axis=1, dtype=np.float32)
        following = self._next + self._step * count
        used = min(int(following), len(heard))
        self._next = following - used
        self._waiting = heard[used:]
        return out

    def flush(self) -> Audio:
        tail = self.push(np.zeros(TAPS // 2, np.float32))
        self._begin()
        return tail

    def _weights(self, fractions: NDArray[np.float64]) -> NDArray[np.float32]:
        """(N, TAPS) coefficients for places between two samples."""
        phases = fractions * PHASES
        low = phases.astype(np.int64)
        share = (phases - low).astype(np.float32)[:, None]
        return np.asarray(self._table[low] * (1 - share) + self._table[low + 1] * share, np.float32)


class LevelController:
    """Choose the ratio that brings a buffer to a level and keeps it there.

    The level changes by rate * (drift - correction): proportional plus integral control
    of the smoothed level, critically damped, settles both.
    """

    def __init__(self, rate: int, target: int) -> None:
        self.ratio = 1.0
        self.target = target
        self._rate = rate
        self._level = float(target)
        self._drift = 0.0  # found so far

    def see(self, level: int, samples: int) -> float:
        """Return the ratio, `samples` after the last time, when the buffer holds `level`."""
        passed_s = samples / self._rate
        self._level += (level - self._level) * min(1.0, passed_s / SMOOTH_S)
        surplus_s = (self._level - self.target) / self._rate
        gain = 2 / SETTLE_S
        drift = self._drift + surplus_s * gain**2 / 4 * passed_s
        self._drift = min(MOST, max(-MOST, drift))
        self.ratio = 1 - min(MOST, max(-MOST, surplus_s * gain + self._drift))
        return self.ratio


def _sinc_table() -> NDArray[np.float32]:
    """(PHASES + 1, TAPS) a low-pass centred between taps TAPS/2 - 1 and TAPS/2, at each phase.

    Row p holds h(t - p / PHASES) for taps t = -TAPS/2 + 1 ... TAPS/2, each row summing to 1.
    """
    taps = np.arange(-TAPS // 2 + 1, TAPS // 2 + 1)
    times = taps - np.arange(PHASES + 1)[:, None] / PHASES
    inside = np.clip(1 - (times / (TAPS / 2)) ** 2, 0, None)
    table = np.sinc(CUTOFF * times) * np.i0(BETA * np.sqrt(inside))
    return np.asarray(table / table.sum(axis=1, keepdims=True), np.float32)
