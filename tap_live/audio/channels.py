"""From any rate and number of channels to one stream that the engine takes."""

import numpy as np
from numpy.typing import NDArray

from tap_live.errors import AudioError
from tap_live.processor import Audio

LOWEST_RATE, HIGHEST_RATE = 8_000, 192_000  # Hz


def check_rate(rate: int, what: str) -> int:
    """Return `rate` if a stream may run at it. Raises: AudioError otherwise."""
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise AudioError(
            f"{what} has a rate of {rate} Hz; wanted {LOWEST_RATE} to {HIGHEST_RATE} Hz"
        )
    return rate


def check_channel(channel: int | None, channels: int, what: str) -> int | None:
    """Return `channel` (1 is the first) if there is one. Raises: AudioError otherwise."""
    if channel is not None and not 1 <= channel <= channels:
        found = "one channel" if channels == 1 else f"channels 1 to {channels}"
        raise AudioError(f"wanted channel {channel} of {what}, which has {found}")
    return channel


def mono(block: NDArray[np.float32], channel: int | None) -> Audio:
    """Take one channel, or the mean of all when `channel` is None.

    Args:
        block: (T, C) samples.
        channel: 1 is the first.
    """
    if channel is not None:
        return np.ascontiguousarray(block[:, channel - 1])
    if block.shape[1] == 1:
        return np.ascontiguousarray(block[:, 0])
    mixed: Audio = block.mean(axis=1, dtype=np.float32)
    return mixed
