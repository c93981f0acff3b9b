"""How ONNX Runtime loads one graph, wherever that is, in this process or in another."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tap_live import INSTALL
from tap_live.errors import BundleError, RuntimeMissingError

NAMES = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
_CUDA = (NAMES["cuda"], {"device_id": 0, "use_tf32": 0})  # fp32 means fp32


def runtime() -> Any:
    """ONNX Runtime, which has no types. Raises: RuntimeMissingError if it is not installed."""
    try:
        import onnxruntime
    except ImportError as error:
        raise RuntimeMissingError(INSTALL) from error
    return onnxruntime


@dataclass(frozen=True)
class Loading:
    """A graph and how it is loaded; sessions have no types.

    Args:
        whole: refuse nodes of the graph that the device leaves to the CPU.
        optimise: let ONNX Runtime rewrite the graph.
        planned: let it keep a plan of memory for each shape that it saw.
    """

    graph: Path
    threads: int
    whole: bool
    optimise: bool
    planned: bool

    def on(self, device: str) -> Any:
        """A session of the graph. Raises: BundleError if it cannot be loaded."""
        return self._session(self.graph, device, self._providers(device), self._options())

    def on_tensorrt(self, file: Path, options: Mapping[str, object]) -> Any:
        """The same of a file in the graph's place."""
        providers = [(NAMES["tensorrt"], dict(options)), *self._providers("cuda")]
        return self._session(file, "tensorrt", providers, self._options())

    def asked(self) -> Any:
        """A session that only says what the graph takes and gives."""
        options = self._options()
        options.graph_optimization_level = runtime().GraphOptimizationLevel.ORT_DISABLE_ALL
        providers = [_CUDA, NAMES["cpu"]]
        return self._session(self.graph, "cuda", providers, options)

    def _providers(self, device: str) -> list[Any]:
        """A device and those that it may leave nodes to, as ONNX Runtime wants them."""
        cpu = [NAMES["cpu"]]
        return cpu if device == "cpu" else [_CUDA, *([] if self.whole else cpu)]

    def _options(self) -> Any:
        ort = runtime()
        options = ort.SessionOptions()
        options.enable_mem_pattern = self.planned
        if not self.optimise:
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors; its warnings are about graphs, not for users
        # A worker that spins between steps would take a core from the other stages.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Some processors add products of 8-bit numbers in 16 bits: take the way that cannot
        # overflow.
        options.add_session_config_entry("session.x64quantprecision", "1")
        return options

    def _session(self, file: Path, device: str, providers: list[Any], options: Any) -> Any:
        if self.whole and NAMES["cpu"] not in providers:
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        try:
            return runtime().InferenceSession(file, options, providers=providers)
        except Exception as error:  # ONNX Runtime's own exceptions share no base
            lacks = device == "cpu" and "NOT_IMPLEMENTED" in str(error)
            hint = "; what was exported in bf16 takes a GPU" if lacks else ""
            raise BundleError(f"cannot load {file} on {device}: {error}{hint}") from error
