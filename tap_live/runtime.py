"""What executes a bundle: one graph, one signature, state in and state out.

engine = Engine(bundle, "step")
state = engine.initial_state()
outputs, state = engine.step({"block": block}, state)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tap_live import INSTALL
from tap_live.bundle import Bundle, GraphSpec
from tap_live.errors import BundleError, RuntimeMissingError

Tensors: TypeAlias = Mapping[str, NDArray[Any]]
State: TypeAlias = Mapping[str, NDArray[Any]]


class Backend(Protocol):
    """Anything that runs a graph step by step: ONNX Runtime, or PyTorch in `export`."""

    def initial_state(self) -> State: ...

    def step(self, inputs: Tensors, state: State) -> tuple[Tensors, State]: ...


class Engine:
    """Run one graph of a bundle with ONNX Runtime on the CPU.

    Raises: BundleError if ONNX Runtime cannot load the graph; RuntimeMissingError
        if it is not installed.
    """

    def __init__(self, bundle: Bundle, graph: str, *, threads: int = 1) -> None:
        self.spec: GraphSpec = bundle.graph(graph)
        self._session = session(bundle.path(self.spec.file), threads)
        self._names = [spec.name for spec in self.spec.outputs]
        self._names += [spec.output for spec in self.spec.state]

    def initial_state(self) -> State:
        """Return the state before the first step: zeros."""
        return {spec.input: np.zeros(spec.shape, spec.dtype) for spec in self.spec.state}

    def step(self, inputs: Tensors, state: State) -> tuple[Tensors, State]:
        """Run the graph once; `inputs` and `state` are left as they were.

        Raises: BundleError if a tensor has a name, type or shape that the graph
            does not take.
        """
        try:
            values = self._session.run(self._names, {**inputs, **state})
        except Exception as error:  # ONNX Runtime's own exceptions share no base
            raise BundleError(f"graph {self.spec.file!r} refused its input: {error}") from error
        results = dict(zip(self._names, values, strict=True))
        following = {spec.input: results.pop(spec.output) for spec in self.spec.state}
        return results, following


def session(graph: Path, threads: int) -> Any:
    """Load one ONNX file into ONNX Runtime on the CPU.

    Raises: BundleError if it cannot; RuntimeMissingError if ONNX Runtime is not installed.
    """
    try:
        import onnxruntime as ort
    except ImportError as error:
        raise RuntimeMissingError(INSTALL) from error
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; its warnings are about graphs, not for users
    # A worker that spins between steps would take a core from the other stages.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Some processors add products of 8-bit numbers in 16 bits: take the way that cannot overflow.
    options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # as above
        raise BundleError(f"cannot load {graph}: {error}") from error
