"""Graphs through ONNX Runtime's TensorRT provider: engines are built when a graph is opened.

What has free axes is given explicit profiles. Without them the provider builds at the first run,
and again in the midst of a stream whenever a length leaves what was seen so far; with them it
builds when a session is made, and takes nothing beyond them. That session is made in a process of
its own (`engine_child`), which runs it once, on zeros of its usual shapes, before what was built
is sealed: whatever is written late is in the seal. Here engines are only ever loaded.

Written against ONNX Runtime's documentation and the source of its provider, tested with a made-up
one; not yet run on a card.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from tap_live.engine_cache import EngineCache
from tap_live.engine_child import build_apart
from tap_live.engine_job import CARD, Job
from tap_live.loading import Loading
from tap_live.profiles import Ranges, Shapes, shapes_of, written
from tap_live.waiting import Waiting, spoken

Tell: TypeAlias = Callable[[str], None]


def open_built(loading: Loading, ranges: Ranges, beside: str, tell: Tell, waiting: Waiting) -> Any:
    """A session with engines: those of an earlier start, or built now and kept for the next.

    Args:
        beside: fingerprint of weights that are not in the graph's file.
        waiting: told how building goes, and ends it.
    Raises: BundleError without a driver, or if TensorRT cannot take the graph, or crashes;
        ConfigError naming an axis that has no range; CancelledError.
    """
    cache = EngineCache.of(loading.graph, ranges, beside, tell=tell)
    if context := cache.context():
        return loading.on_tensorrt(context, CARD)
    shapes = shapes_of(_inputs(loading), ranges)
    with cache.alone(waiting):  # another start may have built them meanwhile
        if not cache.complete:
            options = _options(cache.folder, shapes, ranges)
            job = Job(loading, options, cache.folder, shapes, dict(ranges))
            if _built(job, waiting):
                cache.seal()
    if context := cache.context():
        return loading.on_tensorrt(context, CARD)
    options = _options(cache.folder, shapes, ranges)
    options["trt_dump_ep_context_model"] = False  # one that is written now would be in no seal
    return loading.on_tensorrt(loading.graph, options)


def _inputs(loading: Loading) -> list[tuple[str, list[int | str]]]:
    """What a graph takes; the session that says so is gone then: building wants its memory."""
    return [(one.name, one.shape) for one in loading.asked().get_inputs()]


def _built(job: Job, waiting: Waiting) -> bool:
    """Build, saying when that begins and ends."""
    graph, began = job.loading.graph, time.monotonic()
    waiting.tell(
        f"building TensorRT's engine of {graph}, which takes minutes, can be given up, and is kept "
        f"in {job.folder} for the next start"
    )
    built = build_apart(job, waiting)
    if built:
        took = spoken(time.monotonic() - began)
        waiting.tell(f"TensorRT's engine of {graph.name} was built in {took}")
    return built


def _options(folder: Path, shapes: Mapping[str, Shapes], ranges: Ranges) -> dict[str, object]:
    """Where engines, timings and contexts lie, and what they are built for.

    No precision is set: networks are strongly typed then, what a graph says is what is computed.
    No path of engines is set: they lie beside the context, which may name no other place.
    """
    profile = {name: its for name, its in shapes.items() if not its.fixed}
    profile |= {name: _values(shapes[name], ranges[name]) for name in shapes if name in ranges}
    options = {
        **CARD,
        "trt_engine_cache_enable": True,
        "trt_timing_cache_enable": True,
        "trt_timing_cache_path": str(folder),
        "trt_dump_ep_context_model": True,
        "trt_ep_context_file_path": str(folder),
    }
    if not profile:
        return options
    return options | {
        "trt_profile_min_shapes": written(profile, "least"),
        "trt_profile_opt_shapes": written(profile, "usual"),
        "trt_profile_max_shapes": written(profile, "most"),
    }


def _values(shapes: Shapes, values: tuple[int, int, int]) -> Shapes:
    """What an input says that shapes depend on, as the provider wants it: in a shape's place."""
    return Shapes(*((value,) * int(np.prod(shapes.most)) for value in values))
