"""Bootstrap intervals: how sure a figure of some cases is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLINGS, SEED = 2000, 0


@dataclass(frozen=True)
class Interval:
    """A statistic of the cases and where it lies in 95 % of resamplings of them."""

    value: float
    low: float
    high: float
    decimals: int = 2  # that are worth telling

    def __str__(self) -> str:
        value, low, high = (f"{one:.{self.decimals}f}" for one in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"


def bootstrap(
    values: Sequence[float],
    statistic: Callable[..., Any] = np.mean,
    resamplings: int = RESAMPLINGS,
    seed: int = SEED,
) -> Interval:
    """Interval of a statistic by resampling cases.

    Args:
        statistic: takes an array and `axis`, as numpy's do.

    Raises: ValueError if there are no values.
    """
    if not values:
        raise ValueError("wanted at least one case, found none")
    sample = np.asarray(values, dtype=np.float64)
    drawn = sample[
        np.random.default_rng(seed).integers(len(sample), size=(resamplings, len(sample)))
    ]
    return _interval(float(statistic(sample, axis=0)), statistic(drawn, axis=1))


def mean_of_means(groups: Sequence[Sequence[float]]) -> Interval:
    """Every group counts alike; cases are drawn again within each. Raises: as `bootstrap`."""
    rng = np.random.default_rng(SEED)
    means, drawn = [], np.zeros(RESAMPLINGS)
    for group in groups:
        sample = np.asarray(group, dtype=np.float64)
        means.append(sample.mean())
        drawn += sample[rng.integers(len(sample), size=(RESAMPLINGS, len(sample)))].mean(axis=1)
    if not means:
        raise ValueError("wanted at least one group of cases, found none")
    return _interval(float(np.mean(means)), drawn / len(means))


def ratio(parts: Sequence[float], wholes: Sequence[float], times: float = 100.0) -> Interval:
    """All parts beside all wholes, `times` as much, to a decimal; cases are drawn again.

    Raises: ValueError if the wholes are nothing.
    """
    part, whole = (np.asarray(one, dtype=np.float64) for one in (parts, wholes))
    if not whole.sum():
        raise ValueError(f"wanted something to hold against, found none in {len(whole)} cases")
    drawn = np.random.default_rng(SEED).integers(len(part), size=(RESAMPLINGS, len(part)))
    ratios = part[drawn].sum(axis=1) / np.maximum(whole[drawn].sum(axis=1), 1e-9)
    return _interval(times * float(part.sum() / whole.sum()), times * ratios, decimals=1)


def _interval(value: float, drawn: NDArray[np.float64], decimals: int = 2) -> Interval:
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(value, float(low), float(high), decimals)
