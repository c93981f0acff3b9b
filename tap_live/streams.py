"""The three streams of a run that can be listened to and drawn."""

from typing import Literal, TypeAlias, get_args

import numpy as np

from tap_live.extraction import Mixed
from tap_live.processor import Audio

Stream: TypeAlias = Literal["mixture", "output", "rest"]
STREAMS: tuple[Stream, ...] = get_args(Stream)


def samples_of(mixed: Mixed, stream: Stream) -> Audio:
    """One stream of a block, (T,); the rest is the mixture without the targets."""
    if stream == "mixture":
        return mixed.mixture
    if stream == "output":
        return mixed.output
    return np.asarray(mixed.mixture - mixed.targets.sum(axis=0), np.float32)
