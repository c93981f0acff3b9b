"""How much of a card's memory each model takes: what is free less with it than without it.

Other programs on the same card are counted too: nothing else may run there.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

import torch

from tap_live.bench_memory import taken_mb, used_mb
from tap_live.export.gpu_models import Made, Models, opened, wanted
from tap_live.export.gpu_rows import Found
from tap_live.export.gpu_search import one_pass
from tap_live.providers import Device

FRAMES = 400  # of axes of any length

Use: TypeAlias = Callable[[Models, Device], object]
"""Open a model on a device, run it once, and return what holds it. Raises: RuntimeMissingError."""


def memory_of(use: Use, models: Models, device: Device) -> Found:
    """What `gpu_check` prints; no amount is wrong. Raises: RuntimeMissingError."""
    wanted(device)
    return f"{taken_mb(partial(use, models, device), _in_use):.0f} MB", True


def _in_use() -> float:
    """PyTorch's own store, from which it gives to itself, left out."""
    torch.cuda.empty_cache()
    return used_mb(torch.cuda.mem_get_info)


def _bundle(made: Made, device: Device) -> object:
    graphs = made.bundle.manifest.graphs
    engines = [opened(made.bundle, graph, device) for graph in graphs]
    for engine in engines:
        engine.warm_up(1, frames=FRAMES)
    return engines


def _captions(rows: int, models: Models, device: Device) -> object:
    whisper = models.captioner(device, rows)
    one_pass(whisper, rows)()
    return whisper


USES: Mapping[str, Use] = {
    "compact": lambda models, device: _bundle(models.compact, device),
    "CLAPSep fp16": lambda models, device: _bundle(models.clapsep, device),
    "gentse fp32": lambda models, device: _bundle(models.gentse, device),
    "Whisper base fp32, 1 row": partial(_captions, 1),
    "Whisper base fp32, 64 rows": partial(_captions, 64),
}
