"""What a training run is told; one frozen part for each concern."""

import math
from dataclasses import dataclass, field

from ..compact import Dims


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast; whichever end comes first ends the run.

    Attributes:
        minutes: training time of all sessions of this run together.
        warmup: steps in which the learning rate rises.
        floor: share of the learning rate that is left at the end.
    """

    steps: int = 1_000_000
    minutes: float = 1e9
    batch: int = 8  # mixtures a process and step; each is asked for twice
    rate: float = 1e-3
    warmup: int = 200
    floor: float = 0.02
    clip: float = 5.0  # of the gradient's norm
    average: float = 0.999  # of the weights that are evaluated and kept

    def __post_init__(self) -> None:
        if self.steps < 1 or self.minutes <= 0 or self.batch < 1:
            raise ValueError(
                f"wanted steps, minutes and batch above 0, "
                f"found {self.steps}, {self.minutes} and {self.batch}"
            )
        if not 0 < self.rate < math.inf:
            raise ValueError(f"wanted a learning rate above 0, found {self.rate}")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One run, of whatever network.

    Attributes:
        check_s, save_s: seconds between evaluations and between checkpoints.
        check_cases: held-out mixtures of an evaluation.
        bf16: autocast to bfloat16; slower where the processor has no such arithmetic.
        compile: use torch.compile.
    """

    schedule: Schedule = field(default_factory=Schedule)
    seed: int = 0
    check_s: float = 240.0
    save_s: float = 300.0
    check_cases: int = 32
    workers: int = 0
    bf16: bool = False
    compile: bool = False


@dataclass(frozen=True, kw_only=True)
class TrainConfig(RunConfig):
    """One run of a compact extractor.

    Attributes:
        absent: weight of a decibel let through where the target is absent, beside one of its
            ratio where it is there.
        heard: weight of how differently a Whisper hears what is extracted, beside one decibel.
    """

    dims: Dims = field(default_factory=Dims)
    absent: float = 0.5
    heard: float = 0.0
