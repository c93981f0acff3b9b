"""Graphs through ONNX Runtime's providers and native engines: compared, and only then timed.

All of the product that a card runs, with random weights; what a provider of this machine's ONNX
Runtime is missing for is said before anything is made for it.
"""

from collections.abc import Callable, Iterator
from functools import partial
from math import isnan
from typing import TypeAlias

import torch
from torch import Tensor

from tap_live.bundle import Bundle
from tap_live.export.exporters import FIXED
from tap_live.export.gpu_context import HALF, WHAT, Contexts
from tap_live.export.gpu_memory import USES, memory_of
from tap_live.export.gpu_models import Made, Models, opened, opened_native, wanted
from tap_live.export.gpu_rows import Check, Found
from tap_live.export.gpu_search import CAPTIONS, SPEAKERS, STRIDE_S, captions_on, search_on
from tap_live.export.tensorrt_build import build_engines
from tap_live.export.verify import compare
from tap_live.providers import Device
from tap_live.runtime import Backend, Engine, State, Tensors

Open: TypeAlias = Callable[[Bundle, str, Device], Engine]
"""Opens a bundle's graph on a device."""

PROVIDERS: tuple[Device, ...] = ("cuda", "tensorrt")
SEARCHES = 5  # that are timed


def checks(models: Models, contexts: Contexts) -> Iterator[Check]:
    """Everything that runs through ONNX Runtime or TensorRT."""
    yield from _parities(models)
    for one in PROVIDERS:
        what = f"{WHAT}, fp16, ONNX Runtime on {one}"
        yield Check(what, f"{HALF:.0e}", partial(context, models, contexts, one))
    yield contexts.target()
    for one in PROVIDERS:
        what = f"Whisper tiny.en, a search of {SPEAKERS} rows with its state kept on {one}"
        yield Check(what, "the CPU's tokens", partial(search_on, one, SPEAKERS, SEARCHES))
    for one in PROVIDERS:
        done = f"PyTorch's tokens, {1000 * STRIDE_S:g} ms"
        yield Check(f"{CAPTIONS}, on {one}", done, partial(captions_on, models, one))
    for name, use in USES.items():
        for one in PROVIDERS:
            what = f"memory of the card, {name} on {one}"
            yield Check(what, "told", partial(memory_of, use, models, one))


def _parities(models: Models) -> Iterator[Check]:
    each: dict[str, Callable[[], Made]] = {
        "compact": lambda: models.compact,
        "CLAPSep fp16": lambda: models.clapsep,
        "gentse fp32": lambda: models.gentse,
    }
    for name, made in each.items():
        for one in PROVIDERS:
            what = f"{name}, ONNX Runtime on {one} against PyTorch on the CPU"
            yield Check(what, "the export's bound", partial(through, made, one))
    what = "compact, native TensorRT engine with a CUDA graph, likewise"
    yield Check(what, "the export's bound", partial(native, models))


def through(made: Callable[[], Made], device: Device, open_graph: Open = opened) -> Found:
    """Hold every graph of a bundle against its network; say how long the right ones take."""
    wanted(device)
    its, told, right = made(), [], True
    for name in its.bundle.manifest.graphs:
        engine = _Stream(open_graph(its.bundle, name, device))
        found = compare(_Stream(its.networks[name]), engine, its.streams[name])
        worst = max((one.largest for one in found.parities), key=lambda one: (isnan(one), one))
        good = worst <= its.tolerance
        took = f"{1e3 * found.candidate_s:.2f} ms a step" if good else "not timed"
        told.append(f"{name} {worst:.1e}, {took}")
        right = right and good
    return f"{'; '.join(told)} (bound {its.tolerance:.0e})", right


class _Stream:
    """A backend that keeps its state to itself: what lies on a card cannot be compared."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self._state = backend, backend.initial_state()

    def initial_state(self) -> State:
        return {}

    def step(self, inputs: Tensors, state: State) -> tuple[Tensors, State]:
        outputs, self._state = self._backend.step(inputs, self._state)
        return outputs, state


def native(models: Models) -> Found:
    """The same with engines of our own. Raises: BundleError if they are not what runs."""
    wanted("tensorrt")
    bundle = models.compact.bundle
    graphs = {name: bundle.path(one.file) for name, one in bundle.manifest.graphs.items()}
    build_engines(graphs, bundle.folder, FIXED, lambda *_: None)
    return through(lambda: models.compact, "tensorrt", opened_native)


def context(models: Models, contexts: Contexts, device: Device) -> Found:
    """CLAPSep's two graphs one after the other, as the product runs them."""
    wanted(device)
    hear, find = (opened(models.clapsep.bundle, name, device) for name in ("hear", "find"))
    given = {name: value.numpy() for name, value in contexts.given.items()}
    asked = {name: given[name] for name in ("magnitude", "cue")}

    def run() -> Tensor:
        features, _ = hear.step({"mel": given["mel"]}, {})
        outputs, _ = find.step({**asked, **features}, {})
        return torch.from_numpy(outputs["mask"])

    return contexts.way(f"ONNX Runtime, {device}", run, HALF)
