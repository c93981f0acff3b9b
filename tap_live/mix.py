"""What the listener gets: targets with their own gains, and as much of the rest as asked."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tap_live.errors import ConfigError
from tap_live.events import Decibels
from tap_live.processor import Audio, Targets

RAMP_S = 0.02  # in which gains move to new ones


def mix(mixture: Audio, targets: Targets, gains: Sequence[float], rest_gain: float) -> Audio:
    """Add targets and rest: sum g_i t_i + rest_gain (mixture - sum t_i).

    Args:
        mixture: (T,) what was heard.
        targets: (K, T) parts of it, aligned with it.
        gains: K factors.
        rest_gain: factor of all that is no target.
    """
    weights = np.asarray(gains, np.float32) - np.float32(rest_gain)  # (K,)
    mixed = np.float32(rest_gain) * mixture + weights @ targets
    return mixed.astype(np.float32, copy=False)


class Mixer:
    """Mix with gains that move without a click, however the audio is cut.

    A target is added with its weight, its gain less that of the rest: with a weight of 0 it is
    as loud as the rest, so that it can come and go unheard.
    """

    def __init__(self, rate: int) -> None:
        self._length = max(1, round(RAMP_S * rate))
        self.restart()

    def restart(self) -> None:
        """Begin at the gains that are aimed at first."""
        self._now = self._goal = np.zeros(0)
        self._steps = self._length  # samples into the ramp; at the start there is none
        self._begun = False

    @property
    def settled(self) -> bool:
        """Whether the gains are those aimed at."""
        return self._steps >= self._length

    def aim(self, gains: Sequence[float], rest_gain: float) -> None:
        """Move to these gains; a target that is new comes in with a weight of 0."""
        goal = np.append(np.asarray(gains, np.float64) - rest_gain, rest_gain)
        now = self._at(np.array([self._steps]))[0] if self._begun else goal
        new = np.zeros(len(goal) - len(now))
        self._now, self._goal = np.concatenate([now[:-1], new, now[-1:]]), goal
        self._steps = 0 if self._begun and not np.array_equal(self._now, goal) else self._length

    def keep(self, rows: Sequence[int]) -> None:
        """Forget all targets but these."""
        index = [*rows, -1]
        self._now, self._goal = self._now[index], self._goal[index]

    def mix(self, mixture: Audio, targets: Targets) -> Audio:
        """Mix (T,) and the (K, T) targets that were aimed at."""
        self._begun = self._begun or len(mixture) > 0
        moving = min(len(mixture), self._length - self._steps)
        parts = [self._ramp(mixture[:moving], targets[:, :moving])] if moving > 0 else []
        weights = self._goal.astype(np.float32)
        steady = weights[-1] * mixture[moving:] + weights[:-1] @ targets[:, moving:]
        steady = steady.astype(np.float32, copy=False)
        return np.concatenate([*parts, steady]) if parts else steady

    def _ramp(self, mixture: Audio, targets: Targets) -> Audio:
        steps = self._steps + 1 + np.arange(len(mixture))
        self._steps += len(mixture)
        weights = self._at(steps).T  # (K + 1, T)
        return np.asarray(weights[-1] * mixture + (weights[:-1] * targets).sum(axis=0), np.float32)

    def _at(self, steps: NDArray[np.int64]) -> NDArray[np.float64]:
        """(S, K + 1) weights and the gain of the rest, some samples into the ramp."""
        share = np.minimum(1.0, steps / self._length)[:, None]
        return np.asarray(self._now + share * (self._goal - self._now))


def factor(gain: Decibels) -> float:
    """Turn decibels into a factor; None, minus infinity, is 0."""
    return 0.0 if gain is None else float(10 ** (gain / 20))


def parse_gain(text: str) -> Decibels:
    """Read a gain as users write it: `-18dB`, `3`, `-inf`.

    Raises: ConfigError if it is none, or outside -120 to 24 dB.
    """
    number = text.strip().lower().removesuffix("db").strip()
    if number in ("-inf", "off", "mute"):
        return None
    try:
        gain = float(number)
    except ValueError:
        raise ConfigError(f"wanted a gain like -18dB or -inf, found {text!r}") from None
    if not -120 <= gain <= 24:
        raise ConfigError(f"a gain lies between -120 and 24 dB, or is -inf; found {text!r}")
    return gain
