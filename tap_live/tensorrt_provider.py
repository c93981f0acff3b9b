"""Graphs through ONNX Runtime's TensorRT provider: engines are built when a graph is opened.

What has free axes is given explicit profiles. Without them the provider builds at the first run,
and again in the midst of a stream whenever a length leaves what was seen so far; with them it
builds when a session is made, and takes nothing beyond them. A graph is run once, on zeros of its
usual shapes, before what was built is sealed: whatever is written late is in the seal.

Written against ONNX Runtime's documentation and the source of its provider, tested with a made-up
one; not yet run on a card.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from tap_live.engine_cache import EngineCache
from tap_live.errors import BundleError
from tap_live.profiles import Ranges, Shapes, shapes_of, written

Load: TypeAlias = Callable[[Path, Mapping[str, object]], Any]
"""Takes a file and the provider's options; onnxruntime has no types."""
Tell: TypeAlias = Callable[[str], None]

PROVIDER = "TensorrtExecutionProvider"
_DTYPES = {
    "tensor(bool)": "bool",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
}
_CARD: Mapping[str, object] = {"device_id": 0}


def open_built(
    load: Load, asked: Callable[[], Any], graph: Path, ranges: Ranges, beside: str, tell: Tell
) -> Any:
    """A session with engines: those of an earlier start, or built now and kept for the next.

    Args:
        asked: loads the graph elsewhere, to say what it takes and gives.
        beside: fingerprint of weights that are not in the graph's file.
    Raises: BundleError without a driver, or if TensorRT cannot take the graph; ConfigError naming
        an axis that has no range.
    """
    cache = EngineCache.of(graph, ranges, beside, tell=tell)
    if context := cache.context():
        return load(context, _CARD)
    plain = asked()
    inputs, names = plain.get_inputs(), _names(plain)
    del plain  # what it holds on the card is wanted for building
    shapes = shapes_of(((one.name, one.shape) for one in inputs), ranges)
    if not cache.complete:
        tell(
            f"building TensorRT's engine of {graph}, which takes minutes, cannot be interrupted, "
            f"and is kept in {cache.folder} for the next start"
        )
    options = _options(cache.folder, shapes, ranges)
    if cache.complete:  # and no context fitted: one that is written now would be in no seal
        options["trt_dump_ep_context_model"] = False
    session = load(graph, options)
    if not cache.complete and PROVIDER in session.get_providers():
        _run(session, {one.name: _usual(one, shapes[one.name], ranges) for one in inputs})
        cache.try_context(lambda file: _fits(load, file, names))
        cache.seal()
    return session


def _run(session: Any, feeds: Mapping[str, Any]) -> None:
    """Raises: BundleError if TensorRT cannot run what it built."""
    try:
        session.run(None, feeds)
    except Exception as error:  # ONNX Runtime's own exceptions share no base
        raise BundleError(f"TensorRT built an engine and cannot run it: {error}") from error


def _fits(load: Load, context: Path, names: list[str]) -> bool:
    """Whether a context can be loaded, and is of the whole graph, not of a part of it."""
    try:
        return _names(load(context, _CARD)) == names
    except BundleError:
        return False


def _options(folder: Path, shapes: Mapping[str, Shapes], ranges: Ranges) -> dict[str, object]:
    """Where engines, timings and contexts lie, and what they are built for.

    No precision is set: networks are strongly typed then, what a graph says is what is computed.
    No path of engines is set: they lie beside the context, which may name no other place.
    """
    profile = {name: its for name, its in shapes.items() if not its.fixed}
    profile |= {name: _values(shapes[name], ranges[name]) for name in shapes if name in ranges}
    options = {
        **_CARD,
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


def _usual(one: Any, shapes: Shapes, ranges: Ranges) -> Any:
    value = ranges[one.name][1] if one.name in ranges else 0
    return np.full(shapes.usual, value, _DTYPES[one.type])


def _names(session: Any) -> list[str]:
    """What goes in and comes out."""
    return [one.name for one in (*session.get_inputs(), *session.get_outputs())]
