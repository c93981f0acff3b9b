"""How much of a card's memory is in use, and how much of it something takes.

Whoever uses it is counted: nothing else may run on a card whose figures are to be kept.
"""

import gc
from collections.abc import Callable
from typing import TypeAlias

from tap_live.errors import RuntimeMissingError

Info: TypeAlias = Callable[[], tuple[int, int]]
"""Bytes of a card that are free, and all that it has."""


def asked() -> tuple[int, int]:
    """Ask CUDA's runtime. Raises: RuntimeMissingError without its bindings or a card."""
    try:
        from cuda.bindings import runtime
    except ImportError as error:
        raise RuntimeMissingError(
            "the memory of a card is told by `cuda-bindings`: pip install 'tap-live[gpu]'"
        ) from error
    failure, free, total = runtime.cudaMemGetInfo()
    if int(failure):
        raise RuntimeMissingError(f"wanted the memory of a card, CUDA says {failure}")
    return int(free), int(total)


def used_mb(info: Info = asked) -> float:
    """What is in use. Raises: as `info`."""
    free, total = info()
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
