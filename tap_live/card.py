"""What one engine holds on an NVIDIA card: a stream, memory by name, and one captured step.

All of it is given back by `close`, once. Written against the documentation of CUDA's Python
bindings, tested with made-up ones; not yet run on a card.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from numpy.typing import NDArray

from tap_live.errors import BundleError

_log = logging.getLogger(__name__)


class Card:
    """Work in order on a stream of its own; from one thread."""

    def __init__(self, cuda: Any) -> None:
        """`cuda` is `cuda.bindings.runtime`, which has no types. Raises: BundleError."""
        self._cuda = cuda
        self._memory: dict[str, tuple[int, int]] = {}  # address, bytes
        self._step: list[Any] = []  # captured, ready to run; at most one
        self._streams = [self._did(cuda.cudaStreamCreate())]

    @property
    def stream(self) -> Any:
        return self._streams[0]

    def room(self, name: str, size: int) -> int:
        """Memory of at least so many bytes under a name: its address."""
        address, had = self._memory.get(name, (0, -1))
        if size <= had:
            return address
        if had >= 0:
            del self._memory[name]
            self._did(self._cuda.cudaFree(address))
        made: int = self._did(self._cuda.cudaMalloc(max(size, 1)))
        self._memory[name] = made, size
        return made

    def copy_in(self, name: str, value: NDArray[Any]) -> None:
        """`value` has to live until `settle`, as for `copy_out`."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._copy(self._memory[name][0], value.ctypes.data, value.nbytes, kind)

    def copy_on(self, source: str, name: str, size: int) -> None:
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToDevice
        self._copy(self._memory[name][0], self._memory[source][0], size, kind)

    def copy_out(self, name: str, value: NDArray[Any]) -> None:
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._copy(value.ctypes.data, self._memory[name][0], value.nbytes, kind)

    def settle(self) -> None:
        """Wait until all of it is done."""
        self._did(self._cuda.cudaStreamSynchronize(self.stream))

    @property
    def captured(self) -> bool:
        return bool(self._step)

    def capture(self, enqueue: Callable[[], None]) -> None:
        """Keep what `enqueue` would start, to be launched as one; raises what it raises."""
        mode = self._cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._did(self._cuda.cudaStreamBeginCapture(self.stream, mode))
        try:
            enqueue()
        except BaseException:
            _, graph = self._cuda.cudaStreamEndCapture(self.stream)  # else it captures for ever
            if graph:
                self._cuda.cudaGraphDestroy(graph)
            raise
        graph = self._did(self._cuda.cudaStreamEndCapture(self.stream))
        try:
            self._step.append(self._did(self._cuda.cudaGraphInstantiate(graph, 0)))
        finally:
            self._did(self._cuda.cudaGraphDestroy(graph))

    def launch(self) -> None:
        self._did(self._cuda.cudaGraphLaunch(self._step[0], self.stream))

    def forget(self) -> None:
        """Give the captured step back."""
        while self._step:
            self._did(self._cuda.cudaGraphExecDestroy(self._step.pop()))

    def close(self) -> None:
        """Give everything back; what the card does not take back is told. Twice is once."""
        for give_back in self._held():
            try:
                self._did(give_back())
            except BundleError as error:
                _log.warning("something stays on the card: %s", error)

    def _held(self) -> Iterator[Callable[[], Sequence[Any]]]:
        cuda = self._cuda
        while self._step:
            yield partial(cuda.cudaGraphExecDestroy, self._step.pop())
        while self._memory:
            yield partial(cuda.cudaFree, self._memory.popitem()[1][0])
        while self._streams:
            yield partial(cuda.cudaStreamDestroy, self._streams.pop())

    def _copy(self, to: int, source: int, size: int, kind: Any) -> None:
        self._did(self._cuda.cudaMemcpyAsync(to, source, size, kind, self.stream))

    def _did(self, result: Sequence[Any]) -> Any:
        """CUDA answers (error,) or (error, value). Raises: BundleError naming the error."""
        error, *values = result
        if int(error):
            raise BundleError(f"CUDA says {error}: `tap-live doctor` looks at the card")
        return values[0] if values else None
