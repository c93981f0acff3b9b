"""What a network is trained on, whichever kind of target it extracts."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .augment import Audio


class Example(NamedTuple):
    """One mixture with the cues it is asked with; a target that is absent is silence."""

    mixture: Audio  # (T,)
    targets: Audio  # (C, T)
    cues: NDArray[np.float32]  # (C, cue)


class Examples(Protocol):
    """Example n, always the same."""

    def example(self, number: int) -> Example: ...


@dataclass(frozen=True)
class Course:
    """Mixtures to learn from, and mixtures to choose checkpoints on.

    Attributes:
        rate: Hz, of the mixtures.
        cues: (N, cue) such as the network will be asked with; they tell it their scale.
        held_out: of voices or clips that are not learned from.
    """

    rate: int
    cues: NDArray[np.float32]
    train: Examples
    held_out: Examples
