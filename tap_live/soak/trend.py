"""Whether something grows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Trend:
    """A quantity over a stream, without its first quarter, in which it warms up."""

    median: float
    slope: float  # an hour, a line through the medians of 30 parts
    error: float  # of the slope, standard
    growth: float  # of the median, from the second quarter of the stream to the last
    noise: float  # of one part's median about the line, standard

    @classmethod
    def of(cls, samples: Sequence[tuple[float, float]]) -> Self | None:
        """Take (seconds, value); return None of fewer than 8."""
        if len(samples) < 8:
            return None
        at, values = np.array(sorted(samples)).T
        warm = at >= at[-1] / 4
        at, values = at[warm], values[warm]
        parts = np.array_split(np.arange(len(at)), min(30, len(at)))
        x = np.array([at[part].mean() for part in parts]) / 3600
        y = np.array([np.median(values[part]) for part in parts])
        slope, offset = np.polyfit(x, y, 1)
        noise = np.sqrt(np.sum((y - slope * x - offset) ** 2) / max(1, len(x) - 2))
        error = noise / np.sqrt(np.sum((x - x.mean()) ** 2))
        third = at[0] + (at[-1] - at[0]) / 3
        two_thirds = at[0] + 2 * (at[-1] - at[0]) / 3
        early, late = values[at <= third], values[at >= two_thirds]
        return cls(
            median=float(np.median(values)),
            slope=float(slope),
            error=float(error),
            growth=float(np.median(late) - np.median(early)),
            noise=float(noise),
        )

    @property
    def by_chance(self) -> float:
        """A growth that noise alone explains: two standard errors of a difference of two medians.

        Each is taken to be as uncertain as that of a single part, though it is of ten: what went
        up stays up for a while, so parts beside each other are no independent looks.
        """
        return 2 * math.sqrt(2) * self.noise
