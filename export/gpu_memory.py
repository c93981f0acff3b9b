"""How much of a card's memory each model takes: what is free less with it than without it.

Other programs on the same card are counted too: nothing else may run there.
"""

import gc
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

import torch

from tap_live.bundle import Bundle
from tap_live.export.gpu_models import Models
from tap_live.export.gpu_search import one_pass
from tap_live.providers import Device
from tap_live.runtime import Engine

FRAMES = 400  # of axes of any length

Use: TypeAlias = Callable[[Models, Device], object]
"""Open a model on a device, run it once, and return what holds it. Raises: RuntimeMissingError."""


def used_mb() -> float:
    """Memory of the card that is in use, whoever uses it."""
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info()
    return (total - free) / 1e6


def taken_mb(use: Callable[[], object], used: Callable[[], float] = used_mb) -> float:
    """How much more is in use while what `use` returns is there."""
    use()  # the first time libraries are loaded too, which stay
    gc.collect()
    before = used()
    held = use()
    taken = used() - before
    del held
    gc.collect()
    return taken


def memory_of(use: Use, models: Models, device: Device) -> tuple[str, bool]:
    """What `gpu_check` prints; no amount is wrong."""
    return f"{taken_mb(partial(use, models, device)):.0f} MB", True


def _bundle(bundle: Bundle, device: Device) -> object:
    graphs = bundle.manifest.graphs
    engines = [Engine(bundle, graph, device=device, strict=True) for graph in graphs]
    for engine in engines:
        engine.warm_up(1, frames=FRAMES)
    return engines


def _captions(rows: int, models: Models, device: Device) -> object:
    whisper = models.captioner(device)
    one_pass(whisper, rows)()
    return whisper


USES: Mapping[str, Use] = {
    "compact": lambda models, device: _bundle(models.compact, device),
    "CLAPSep fp16": lambda models, device: _bundle(models.clapsep, device),
    "gentse fp32": lambda models, device: _bundle(models.gentse, device),
    "Whisper base fp32, 1 row": partial(_captions, 1),
    "Whisper base fp32, 64 rows": partial(_captions, 64),
}
