"""What the listener gets: targets with their own gains, and as much of the rest as asked."""

from collections.abc import Sequence

import numpy as np

from tap_live.errors import ConfigError
from tap_live.events import Decibels
from tap_live.processor import Audio, Targets


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
