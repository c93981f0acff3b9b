"""Run a trainer from a command: a progress bar, and an end that loses nothing."""

import os
import signal
import sys
from typing import Any

import torch
from rich.progress import Progress

from .runner import Runner


def run(trainer: Runner[Any]) -> None:
    """Train until the end or until told to stop, with a progress bar."""
    place = trainer.place
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: setattr(trainer, "stopping", True))
    with Progress(disable=place.rank > 0 or not sys.stderr.isatty()) as bar:
        task = bar.add_task("training", total=1.0)
        trainer.run(lambda done: bar.update(task, completed=done))
    if place.processes > 1:
        torch.distributed.barrier()  # the first has saved
        if place.rank > 0:  # has nothing left to do; leaving in order aborted at times
            os._exit(0)
        torch.distributed.destroy_process_group()
