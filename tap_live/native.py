"""Native TensorRT engines that `tap-live export --to tensorrt` built on this machine.

State stays on the card: what a step returns is a token for it, good for the next step only.
Where shapes do not change from step to step, the work is captured once as a CUDA graph.

Written against the documentation of TensorRT 10 and CUDA's Python bindings, tested with
made-up ones; not yet run on a card.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from tap_live.bundle import FileSpec, GraphSpec, file_spec
from tap_live.engine_cache import SEAL, Key, check_origin, this_machine
from tap_live.errors import BundleError, RuntimeMissingError
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


def check_engine(folder: Path, graph: Path) -> Path:
    """Return an engine that is whole, of this graph, and of this machine.

    Raises: BundleError with the reasons, and what to do.
    """
    check_origin(folder, Key(this_machine(), file_spec(graph).sha256))
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
    """Run one engine; one stream at a time, from one thread."""

    def __init__(self, spec: GraphSpec, engine: Path) -> None:
        """Load an engine. Raises: RuntimeMissingError; BundleError if it cannot be loaded."""
        self._trt, self._cuda = _libraries()
        self._spec = spec
        logger = self._trt.Logger(self._trt.Logger.WARNING)
        self._runtime = self._trt.Runtime(logger)  # has to outlive the engine
        self._engine = self._runtime.deserialize_cuda_engine(engine.read_bytes())
        if self._engine is None:
            raise BundleError(
                f"TensorRT {self._trt.__version__} cannot load {engine}: build it again with "
                "`tap-live export … --to tensorrt`"
            )
        self._context = self._engine.create_execution_context()
        self._stream = self._did(self._cuda.cudaStreamCreate())
        self._memory: dict[str, tuple[int, int]] = {}  # address, bytes
        self._shapes: dict[str, Shape] = {}
        self._captured: Any = None
        self._step = 0

    def run(
        self, inputs: Mapping[str, NDArray[Any]], state: Mapping[str, Any]
    ) -> tuple[list[NDArray[Any]], list[Any]]:
        """One step: outputs as arrays, the state as tokens, both in the graph's order.

        Raises: BundleError if the state is not that of the step before.
        """
        arrays = {
            name: np.ascontiguousarray(value)
            for name, value in {**inputs, **state}.items()
            if not isinstance(value, Kept)
        }
        self._check_state(state)
        self._arrange(arrays)
        for name, value in arrays.items():
            self._copy_in(name, value)
        for one in self._spec.state:
            if one.input not in arrays:
                self._copy(self._memory[one.input][0], one.output)
        self._execute()
        outputs = [self._copy_out(one.name) for one in self._spec.outputs]
        self._did(self._cuda.cudaStreamSynchronize(self._stream))
        self._step += 1
        return outputs, [Kept(self._step)] * len(self._spec.state)

    def close(self) -> None:
        """Give the card's memory back."""
        for address, _ in self._memory.values():
            self._did(self._cuda.cudaFree(address))
        self._memory = {}
        self._did(self._cuda.cudaStreamDestroy(self._stream))

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
        self._shapes, self._captured = {}, None  # until all of them were taken
        for name, shape in wanted.items():
            if not self._context.set_input_shape(name, shape):
                raise BundleError(f"the engine was built for other shapes than {shape} of {name!r}")
        names = [self._engine.get_tensor_name(n) for n in range(self._engine.num_io_tensors)]
        for name in names:
            self._make_room(name)
            self._context.set_tensor_address(name, self._memory[name][0])
        self._shapes = wanted

    def _make_room(self, name: str) -> None:
        size = self._bytes(name)
        address, had = self._memory.get(name, (0, -1))
        if size <= had:
            return
        if had >= 0:
            self._did(self._cuda.cudaFree(address))
        self._memory[name] = self._did(self._cuda.cudaMalloc(max(size, 1))), size

    def _bytes(self, name: str) -> int:
        return math.prod(self._shape(name)) * self._dtype(name).itemsize

    def _shape(self, name: str) -> Sequence[int]:
        return tuple(self._context.get_tensor_shape(name))

    def _dtype(self, name: str) -> np.dtype[Any]:
        found: np.dtype[Any] = np.dtype(self._trt.nptype(self._engine.get_tensor_dtype(name)))
        return found

    def _execute(self) -> None:
        """The first step of these shapes runs plainly, the second is captured and kept."""
        if self._captured is None:
            self._enqueue()
            self._captured = False
            return
        if self._captured is False:
            self._captured = self._capture()
        self._did(self._cuda.cudaGraphLaunch(self._captured, self._stream))

    def _capture(self) -> Any:
        mode = self._cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._did(self._cuda.cudaStreamBeginCapture(self._stream, mode))
        self._enqueue()
        graph = self._did(self._cuda.cudaStreamEndCapture(self._stream))
        return self._did(self._cuda.cudaGraphInstantiate(graph, 0))

    def _enqueue(self) -> None:
        if not self._context.execute_async_v3(int(self._stream)):
            raise BundleError("TensorRT could not start the step")

    def _copy_in(self, name: str, value: NDArray[Any]) -> None:
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        address = self._memory[name][0]
        self._did(
            self._cuda.cudaMemcpyAsync(address, value.ctypes.data, value.nbytes, kind, self._stream)
        )

    def _copy(self, address: int, output: str) -> None:
        """What the last step made of a state is what this step begins with."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToDevice
        made, size = self._memory[output][0], self._bytes(output)
        self._did(self._cuda.cudaMemcpyAsync(address, made, size, kind, self._stream))

    def _copy_out(self, name: str) -> NDArray[Any]:
        value = np.empty(self._shape(name), self._dtype(name))
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        address = self._memory[name][0]
        self._did(
            self._cuda.cudaMemcpyAsync(value.ctypes.data, address, value.nbytes, kind, self._stream)
        )
        return value

    def _did(self, result: Sequence[Any]) -> Any:
        """CUDA answers (error,) or (error, value). Raises: BundleError naming the error."""
        error, *values = result
        if int(error):
            raise BundleError(f"CUDA says {error}: `tap-live doctor` looks at the card")
        return values[0] if values else None


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
