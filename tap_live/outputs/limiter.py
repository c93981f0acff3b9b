"""Keep peaks below a ceiling, without distorting what is below it."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tap_live.mix import factor
from tap_live.processor import Audio

CEILING_DB = -1.0
LOOKAHEAD_S = 0.0015  # in which the gain comes down before a peak
RELEASE_DB_S = 60.0  # how fast it comes back


class Limiter:
    """A peak limiter that is a Processor; it delays by `lookahead` samples, 1.5 ms.

    The gain that each sample needs, in dB, is held over the lookahead (a sliding
    minimum), let go of no faster than `RELEASE_DB_S`, and averaged over the lookahead.
    Every value averaged for a sample is at most what that sample needs, so no sample
    passes the ceiling.
    """

    def __init__(self, rate: int, ceiling_db: float = CEILING_DB) -> None:
        self.lookahead = max(1, round(rate * LOOKAHEAD_S))
        self._ceiling = factor(ceiling_db)
        self._release = RELEASE_DB_S / rate  # dB a sample
        self._begin()

    def _begin(self) -> None:
        self._delayed = np.zeros(self.lookahead, np.float32)
        self._skip = self.lookahead  # of the delay line, which no input filled
        self._needed = np.zeros(self.lookahead)
        self._gains = np.zeros(self.lookahead)
        self._last = 0.0

    def push(self, block: Audio) -> Audio:
        if not len(block):
            return block
        peaks = np.maximum(np.abs(block, dtype=np.float64), self._ceiling)
        needed = 20 * np.log10(self._ceiling / peaks)  # <= 0
        held = self._hold(needed)
        gains = self._smooth(self._let_go(held))  # (T,), that of sample t - lookahead at t
        heard = np.concatenate([self._delayed, block])
        self._delayed = heard[len(block) :]
        out = heard[: len(block)] * 10 ** (gains / 20)
        skip = min(self._skip, len(out))
        self._skip -= skip
        return out[skip:].astype(np.float32)

    def flush(self) -> Audio:
        tail = self.push(np.zeros(self.lookahead, np.float32))
        self._begin()
        return tail

    def _hold(self, needed: NDArray[np.float64]) -> NDArray[np.float64]:
        """The least gain of the last lookahead + 1 samples."""
        both = np.concatenate([self._needed, needed])
        self._needed = both[-self.lookahead :]
        if not both.any():
            return needed
        least: NDArray[np.float64] = sliding_window_view(both, self.lookahead + 1).min(axis=1)
        return least

    def _let_go(self, held: NDArray[np.float64]) -> NDArray[np.float64]:
        """g[n] = min(held[n], g[n - 1] + release): a running minimum of held[n] - n release."""
        slope = self._release * np.arange(1, len(held) + 1, dtype=np.float64)
        gains: NDArray[np.float64] = slope + np.minimum.accumulate(
            np.minimum(held - slope, self._last)
        )
        self._last = float(gains[-1])
        return gains

    def _smooth(self, gains: NDArray[np.float64]) -> NDArray[np.float64]:
        both = np.concatenate([self._gains, gains])
        self._gains = both[-self.lookahead :]
        if not both.any():
            return gains
        mean: NDArray[np.float64] = sliding_window_view(both, self.lookahead + 1).mean(axis=1)
        return mean
