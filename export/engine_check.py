"""Hold native engines against the graphs that they were built of, on the card that built them.

A few steps of what the graph is given go through both: the graph through ONNX Runtime as it is
written, which was proved before; the engine as the live one runs it, state on the card.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from tap_live.bundle import GraphSpec, read_manifest
from tap_live.export.verify import Compared, compare
from tap_live.native import NativeEngine, check_engine, engine_folder
from tap_live.providers import Device, place
from tap_live.runtime import State, Tensors

Run: TypeAlias = Callable[[Tensors, State], tuple[list[Any], list[Any]]]

STEPS = 6  # so many: the first runs plainly, the second is captured, the others replay it


def compare_engines(
    graphs: Mapping[str, Path],
    bundle: Path,
    given: Mapping[str, Sequence[Tensors]],
    device: Device = "cpu",
) -> dict[str, Compared]:
    """How far each engine is from its graph, by the graph's name.

    Args:
        given: what each graph is given, step by step.
        device: where the graphs run.

    Raises: BundleError if an engine cannot be loaded or does not take a step.
    """
    manifest, found = read_manifest(bundle), {}
    for name, path in graphs.items():
        spec, steps = manifest.graphs[name], given[name][:STEPS]
        engine_file = check_engine(engine_folder(bundle, name), path, spec.ranges)
        with closing(NativeEngine(spec, engine_file)) as engine:
            found[name] = compare(
                _Stream(spec, _as_written(spec, path, device)), _Stream(spec, engine.run), steps
            )
    return found


class _Stream:
    """A `Backend` that keeps its state to itself: only what goes out is compared."""

    def __init__(self, spec: GraphSpec, run: Run) -> None:
        self._spec, self._run = spec, run
        self._outputs = [one.name for one in spec.outputs]
        self._state: State = {one.input: np.zeros(one.shape, one.dtype) for one in spec.state}

    def initial_state(self) -> State:
        return {}

    def step(self, inputs: Tensors, state: State) -> tuple[Tensors, State]:
        outputs, following = self._run(inputs, self._state)
        names = (one.input for one in self._spec.state)
        self._state = dict(zip(names, following, strict=True))
        return dict(zip(self._outputs, outputs, strict=True)), state


def _as_written(spec: GraphSpec, path: Path, device: Device) -> Run:
    """Run a graph through ONNX Runtime."""
    session = place(path, device, strict=True, whole=False, optimise=False).session
    count = len(spec.outputs)
    names = [*(one.name for one in spec.outputs), *(one.output for one in spec.state)]

    def run(inputs: Tensors, state: State) -> tuple[list[Any], list[Any]]:
        values = session.run(names, {**inputs, **state})
        return values[:count], values[count:]

    return run
