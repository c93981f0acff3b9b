"""What executes a bundle: one graph, one signature, state in and state out.

engine = Engine(bundle, "step", device="auto")
engine.warm_up()
state = engine.initial_state()
outputs, state = engine.step({"block": block}, state)

On a GPU the state stays there between steps; inputs and outputs are numpy arrays everywhere.
"""

import logging
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tap_live.binding import memory_of, run_bound
from tap_live.bundle import Bundle, GraphSpec, TensorSpec
from tap_live.errors import BundleError, RuntimeMissingError
from tap_live.native import NativeEngine, check_engine, engine_folder
from tap_live.providers import Device, place
from tap_live.waiting import ALONE, Waiting

Tensors: TypeAlias = Mapping[str, NDArray[Any]]
State: TypeAlias = Mapping[str, Any]
"""Arrays, or what an engine keeps on its device: to be handed back to it as it is."""


_log = logging.getLogger(__name__)


class Backend(Protocol):
    """Anything that runs a graph step by step: ONNX Runtime, or PyTorch in `export`."""

    def initial_state(self) -> State: ...

    def step(self, inputs: Tensors, state: State) -> tuple[Tensors, State]: ...


class Engine:
    """Run one graph of a bundle with ONNX Runtime.

    Args:
        device: where; `device` says afterwards where it is.
        strict: raise where the graph, or a part of it, would run on a slower device.
        whole: refuse nodes of the graph that the device leaves to the CPU; None: if `strict`.
        optimise: let ONNX Runtime rewrite the graph.
        waiting: told how TensorRT's building goes, and ends it.
    Raises: BundleError if ONNX Runtime cannot load the graph, or with `strict` TensorRT;
        RuntimeMissingError if it, or with `strict` the device, is not there; CancelledError.
    """

    def __init__(
        self,
        bundle: Bundle,
        graph: str,
        *,
        threads: int = 1,
        device: Device = "cpu",
        strict: bool = False,
        whole: bool | None = None,
        optimise: bool = True,
        waiting: Waiting = ALONE,
    ) -> None:
        self.spec: GraphSpec = bundle.graph(graph)
        file = bundle.path(self.spec.file)
        self._native = _native(bundle, graph, device, strict) if optimise else None
        if self._native:
            self.device = "tensorrt"
        else:
            placed = place(
                file,
                device,
                ranges=self.spec.ranges,
                threads=threads,
                strict=strict,
                whole=whole,
                optimise=optimise,
                waiting=waiting,
            )
            self.device, self._session = placed.device, placed.session
        self._outputs = [spec.name for spec in self.spec.outputs]
        self._kept = [spec.output for spec in self.spec.state]

    @property
    def native(self) -> bool:
        """Whether an engine of our own runs it, and not ONNX Runtime."""
        return self._native is not None

    def close(self) -> None:
        """Give back what a native engine holds on the card; a session goes with its engine."""
        if self._native:
            self._native.close()

    def initial_state(self) -> State:
        """Return the state before the first step: zeros."""
        return {spec.input: np.zeros(spec.shape, spec.dtype) for spec in self.spec.state}

    def warm_up(self, steps: int = 3, **lengths: int) -> None:
        """Run on zeros, so that the first real step is not the slow one.

        Args:
            lengths: of the axes that may have any length, by their names.
        """
        inputs = {spec.name: _zeros(spec, lengths) for spec in self.spec.inputs}
        state = self.initial_state()
        for _ in range(steps):
            _, state = self.step(inputs, state)

    def step(self, inputs: Tensors, state: State) -> tuple[Tensors, State]:
        """Run the graph once; `inputs` and `state` are left as they were.

        Raises: BundleError if a tensor has a name, type or shape that the graph
            does not take.
        """
        plain = self._run if self.device == "cpu" else self._run_bound
        run = self._native.run if self._native else plain
        try:
            outputs, kept = run(inputs, state)
        except Exception as error:  # ONNX Runtime's own exceptions share no base
            raise BundleError(f"graph {self.spec.file!r} refused its input: {error}") from error
        following = zip((spec.input for spec in self.spec.state), kept, strict=True)
        return dict(zip(self._outputs, outputs, strict=True)), dict(following)

    def _run(self, inputs: Tensors, state: State) -> tuple[list[Any], list[Any]]:
        values = self._session.run([*self._outputs, *self._kept], {**inputs, **state})
        return values[: len(self._outputs)], values[len(self._outputs) :]

    def _run_bound(self, inputs: Tensors, state: State) -> tuple[list[Any], list[Any]]:
        """Leave the state where it was made: it goes to the device once, at the first step."""
        feeds = {**inputs, **state}
        memory = memory_of(self.device)
        values = run_bound(self._session, feeds, self._outputs, self._kept, memory)
        return values[: len(self._outputs)], values[len(self._outputs) :]


def _native(bundle: Bundle, graph: str, device: Device, strict: bool) -> NativeEngine | None:
    """The engine that was built for a graph on this machine, if there is one and it is wanted.

    Raises: BundleError with `strict` if it is another machine's or broken: else it is told, and
        ONNX Runtime takes the graph.
    """
    folder = engine_folder(bundle.folder, graph)
    if device not in ("auto", "tensorrt") or not folder.is_dir():
        return None
    spec = bundle.graph(graph)
    try:
        return NativeEngine(spec, check_engine(folder, bundle.path(spec.file), spec.ranges))
    except (BundleError, RuntimeMissingError) as error:
        if strict:
            raise
        _log.warning("%s; ONNX Runtime is taken", error)
        return None


def _zeros(spec: TensorSpec, lengths: Mapping[str, int]) -> NDArray[Any]:
    """Raises: BundleError naming the axis whose length is not given."""
    try:
        shape = [axis if isinstance(axis, int) else lengths[axis] for axis in spec.shape]
    except KeyError as error:
        raise BundleError(f"wanted the length of axis {error} of {spec.name!r}") from None
    return np.zeros(shape, spec.dtype)
