"""One process of a training of two, started by test_training_clapsep.py as torchrun would.

Only the first measures; here its checks have brought nothing better for long.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

from tap_live.models.clap import HtsatDims
from tap_live.models.clapsep import Dims
from tap_live.models.training.clapsep import SeparatorConfig, SeparatorTrainer
from tap_live.models.training.config import Schedule
from tap_live.models.training.course import Course, Example
from tap_live.models.training.runner import Place

DIMS = Dims(
    htsat=HtsatDims(channels=8, depths=(1, 1), heads=(1, 2), side=64),
    cue=4, mask_width=16, mask_layers=1, mask_heads=2, seconds=0.6,
)  # fmt: skip


class Noise:
    def example(self, number: int) -> Example:
        rng = np.random.default_rng(number)
        targets = 0.1 * rng.standard_normal((2, DIMS.samples)).astype(np.float32)
        cues = rng.standard_normal((2, 2 * DIMS.cue)).astype(np.float32)
        return Example(targets.sum(0), targets, cues)


def main(out: Path) -> None:
    torch.set_num_threads(1)
    place = Place.find()
    course = Course(32_000, np.ones((1, 8), np.float32), Noise(), Noise())
    schedule = Schedule(batch=1, rate=1e-2, warmup=1)
    config = SeparatorConfig(dims=DIMS, schedule=schedule, lora=0, patience=2, check_cases=4)
    trainer = SeparatorTrainer(config, course, out, place)
    if place.rank == 0:
        trainer._scores = [3.0, 2.0, 1.0]
    for number in range(2):
        trainer.learn(trainer.mixtures[number])
    weights = torch.cat([part.detach().flatten() for part in trainer.net.parameters()])
    told = {"rate": trainer.rate(), "weights": weights.double().square().sum().item()}
    (out / f"{place.rank}.json").write_text(json.dumps(told))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
