"""Native TensorRT engines that `tap-live export --to tensorrt` built on this machine.

State stays on the card: what a step returns is a token for it, good for the next step only.
Where shapes do not change from step to step, the work is captured once as a CUDA graph.

Written against the documentation of TensorRT 10 and CUDA's Python bindings, tested with
made-up ones; not yet run on a card.
"""

import math
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from tap_live.bundle import FileSpec, GraphSpec, file_spec
from tap_live.card import Card
from tap_live.engine_cache import SEAL, Key, check_origin, this_machine
from tap_live.errors import BundleError, RuntimeMissingError
from tap_live.profiles import FIXED, Ranges
from tap_live.providers import GPU_INSTALL

FOLDER, ENGINE = "engines", "graph.engine"

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Kept:
    """A state that lies on the card, as one step left it."""

    step: int


def engine_folder(bundle: Path, graph: str) -> Path:
    """Where the engine of a bundle's graph lies, if one was built."""
    return bundle / FOLDER / graph


def check_engine(folder: Path, graph: Path, ranges: Ranges = FIXED) -> Path:
    """Return an engine that is whole, of this graph, of this machine and for these lengths.

    Raises: BundleError with the reasons, and what to do.
    """
    check_origin(folder, Key(this_machine(), file_spec(graph).sha256, dict(ranges)))
    again = "build it again with `tap-live export … --to tensorrt`"
    try:
        files = msgspec.json.decode((folder / SEAL).read_bytes(), type=dict[str, FileSpec])
        broken = [name for name, spec in files.items() if file_spec(folder / name) != spec]
    except (OSError, msgspec.DecodeError) as error:
        raise BundleError(f"the engine in {folder} is not whole: {error}; {again}") from error
    if broken or ENGINE not in files:
        names = ", ".join(broken) or ENGINE
        raise BundleError(f"{names} in {folder} is cut short, changed or gone; {again}")
    return folder / ENGINE


class NativeEngine:
    """Run one engine; one stream at a time, from one thread.

    What it holds on the card is given back by `close`, or when nobody has the engine any more.
    """

    def __init__(self, spec: GraphSpec, engine: Path) -> None:
        """Load an engine. Raises: RuntimeMissingError; BundleError if it cannot be loaded."""
        self._trt, cuda = _libraries()
        self._spec = spec
        self._loaded = _loaded(self._trt, engine)
        self._card = Card(cuda)
        self._give_back = weakref.finalize(self, _give_back, self._loaded, self._card)
        self._shapes: dict[str, Shape] = {}
        self._names = [self._engine.get_tensor_name(n) for n in range(self._engine.num_io_tensors)]
        self._arranged = False  # and run once, so that the next step can be captured
        self._step = 0
        self._busy = self._closed = False

    def close(self) -> None:
        """Give back what is held on the card. Any thread; a step that runs is ended first."""
        self._closed = True
        if not self._busy:
            self._give_back()

    def run(
        self, inputs: Mapping[str, NDArray[Any]], state: Mapping[str, Any]
    ) -> tuple[list[NDArray[Any]], list[Any]]:
        """One step: outputs as arrays, the state as tokens, both in the graph's order.

        Raises: BundleError if the state is not that of the step before, or after `close`.
        """
        self._busy = True  # before it is looked whether it is closed: see `close`
        try:
            if self._closed:
                raise BundleError("the engine was closed: load it again")
            return self._run(inputs, state)
        finally:
            self._busy = False
            if self._closed:
                self._give_back()

    def _run(
        self, inputs: Mapping[str, NDArray[Any]], state: Mapping[str, Any]
    ) -> tuple[list[NDArray[Any]], list[Any]]:
        arrays = {
            name: np.ascontiguousarray(value)
            for name, value in {**inputs, **state}.items()
            if not isinstance(value, Kept)
        }
        self._check_state(state)
        self._arrange(arrays)
        for name, value in arrays.items():
            self._card.copy_in(name, value)
        for one in self._spec.state:
            if one.input not in arrays:  # what the last step made of it
                self._card.copy_on(one.output, one.input, self._bytes(one.output))
        self._step += 1  # whatever becomes of it: nobody goes on with what a failed step left
        self._execute()
        outputs = [np.empty(self._shape(o.name), self._dtype(o.name)) for o in self._spec.outputs]
        for output, value in zip(self._spec.outputs, outputs, strict=True):
            self._card.copy_out(output.name, value)
        self._card.settle()
        return outputs, [Kept(self._step)] * len(self._spec.state)

    @property
    def _engine(self) -> Any:
        return self._loaded[1]

    @property
    def _context(self) -> Any:
        return self._loaded[2]

    def _check_state(self, state: Mapping[str, Any]) -> None:
        old = [one.step for one in state.values() if isinstance(one, Kept)]
        if any(step != self._step for step in old):
            raise BundleError(
                f"wanted the state after step {self._step}, found that after {old[0]}: "
                "an engine goes on with its newest state, or from a new one"
            )

    def _arrange(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Make room for these shapes; what was captured for others is of no use."""
        wanted = {**self._shapes, **{name: value.shape for name, value in arrays.items()}}
        if wanted == self._shapes:
            return
        self._shapes, self._arranged = {}, False  # until all of them were taken
        self._card.forget()
        for name, shape in wanted.items():
            if not self._context.set_input_shape(name, shape):
                raise BundleError(f"the engine was built for other shapes than {shape} of {name!r}")
        for name in self._names:
            self._context.set_tensor_address(name, self._card.room(name, self._bytes(name)))
        self._shapes = wanted

    def _bytes(self, name: str) -> int:
        return math.prod(self._shape(name)) * self._dtype(name).itemsize

    def _shape(self, name: str) -> Sequence[int]:
        return tuple(self._context.get_tensor_shape(name))

    def _dtype(self, name: str) -> np.dtype[Any]:
        found: np.dtype[Any] = np.dtype(self._trt.nptype(self._engine.get_tensor_dtype(name)))
        return found

    def _execute(self) -> None:
        """The first step of these shapes runs plainly, the second is captured and kept."""
        if not self._arranged:
            self._enqueue()
            self._arranged = True
            return
        if not self._card.captured:
            self._card.capture(self._enqueue)
        self._card.launch()

    def _enqueue(self) -> None:
        if not self._context.execute_async_v3(int(self._card.stream)):
            raise BundleError("TensorRT could not start the step")


def _loaded(trt: Any, engine: Path) -> list[Any]:
    """Runtime, engine and context: each has to outlive the next. Raises: BundleError."""
    runtime = trt.Runtime(trt.Logger(trt.Logger.WARNING))
    found = runtime.deserialize_cuda_engine(engine.read_bytes())
    context = found and found.create_execution_context()
    if context is None:
        raise BundleError(
            f"TensorRT {trt.__version__} cannot load {engine}: build it again with "
            "`tap-live export … --to tensorrt`"
        )
    return [runtime, found, context]


def _give_back(loaded: list[Any], card: Card) -> None:
    """What runs before what it runs in, then what it worked on."""
    while loaded:
        loaded.pop()
    card.close()


def _libraries() -> tuple[Any, Any]:
    """TensorRT and CUDA's bindings, which have no types. Raises: RuntimeMissingError."""
    try:
        import tensorrt
        from cuda.bindings import runtime
    except ImportError as error:
        raise RuntimeMissingError(
            f"wanted TensorRT and CUDA's Python bindings, {error.name} not found: {GPU_INSTALL}"
        ) from error
    return tensorrt, runtime
