"""Where a graph runs: which of ONNX Runtime's execution providers, with which options.

    placed = place(graph, "auto")
    placed.session, placed.device

`auto` takes the first of TensorRT, CUDA and the CPU that this machine has. ONNX Runtime
falls back to the CPU without a word when a provider's libraries cannot be loaded: so a
session is asked afterwards where it is, and what is not as wanted is told, or refused.
"""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import util
from pathlib import Path
from typing import Any, Literal, TypeAlias

from tap_live import INSTALL
from tap_live.engine_cache import EngineCache, tensorrt
from tap_live.errors import BundleError, RuntimeMissingError

Device: TypeAlias = Literal["auto", "cpu", "cuda", "tensorrt"]
"""What a user asks for; `auto` is the fastest that there is."""

Tell: TypeAlias = Callable[[str], None]

NAMES = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
ORDER = tuple(NAMES)  # of falling back
GPU_INSTALL = "pip uninstall onnxruntime && pip install 'tap-live[gpu]'"
_LIBRARIES = {
    "TensorRT": re.compile(rb"libnvinfer\.so\.(\d+)"),
    "CUDA": re.compile(rb"libcudart\.so\.(\d+)"),
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Where:
    """The device that a user asks for, and whether nothing slower will do."""

    device: Device = "auto"
    strict: bool = False

    @property
    def for_hops(self) -> "Where":
        """For networks made for one hop on a CPU: they leave it only if a GPU is named."""
        return Where("cpu", self.strict) if self.device == "auto" else self

    def first(self) -> str:
        """The device that is tried first here. Raises: RuntimeMissingError."""
        available = _runtime().get_available_providers()
        return next((one for one in _from(self.device) if NAMES[one] in available), "cpu")


CPU = Where("cpu")


@lru_cache
def _warn_once(text: str) -> None:
    """Several graphs miss the same device for the same reason."""
    _log.warning("%s", text)


@dataclass(frozen=True)
class Placed:
    """A session, and the device that it turned out to run on."""

    session: Any  # onnxruntime has no types
    device: str


def place(
    graph: Path,
    device: Device = "cpu",
    *,
    threads: int = 1,
    strict: bool = False,
    whole: bool | None = None,
    optimise: bool = True,
    planned: bool = True,
    tell: Tell = _warn_once,
) -> Placed:
    """Load one ONNX file.

    Args:
        strict: refuse another device than the one asked for, where it would only be told.
        whole: refuse nodes of the graph that the device leaves to the CPU; None: if `strict`.
        optimise: let ONNX Runtime rewrite the graph.
        planned: let it keep a plan of memory for each shape that it saw: quicker if they are few.
    Raises: RuntimeMissingError if ONNX Runtime, or with `strict` the device, is not there;
        BundleError if the graph cannot be loaded.
    """
    ort = _runtime()
    whole = device != "cpu" and (strict if whole is None else whole)
    available = ort.get_available_providers()
    for one in _to_try(device, available, strict, tell):
        try:
            cache = EngineCache.of(graph, tell=tell) if one == "tensorrt" else None
        except BundleError as error:  # no driver
            _miss(one, str(error), strict, tell)
            continue
        session = _load(ort, graph, one, threads, whole, cache, optimise, planned)
        if NAMES[one] in session.get_providers():
            if cache:
                cache.seal()
            return Placed(session, one)
        _miss(one, "its libraries cannot be loaded", strict, tell)
    raise RuntimeMissingError(f"ONNX Runtime runs nothing here: {INSTALL}")


def _runtime() -> Any:
    """Raises: RuntimeMissingError if ONNX Runtime is not installed."""
    try:
        import onnxruntime
    except ImportError as error:
        raise RuntimeMissingError(INSTALL) from error
    return onnxruntime


def _from(device: Device) -> Sequence[str]:
    """The wanted device and those that are slower."""
    return ORDER if device == "auto" else ORDER[ORDER.index(device) :]


def _to_try(device: Device, available: Sequence[str], strict: bool, tell: Tell) -> list[str]:
    """The devices that ONNX Runtime was built for, from the wanted one down."""
    if device not in ("auto", "cpu") and NAMES[device] not in available:
        _miss(device, f"this ONNX Runtime has only {', '.join(available)}", strict, tell)
    return [one for one in _from(device) if NAMES[one] in available]


def _miss(device: str, why: str, strict: bool, tell: Tell) -> None:
    text = f"wanted {device}, but {why}: {mismatch() or GPU_INSTALL}"
    if strict:
        raise RuntimeMissingError(text)
    tell(f"{text}; the next slower is taken")


def _load(
    ort: Any,
    graph: Path,
    device: str,
    threads: int,
    whole: bool,
    cache: EngineCache | None,
    optimise: bool,
    planned: bool,
) -> Any:
    options = ort.SessionOptions()
    options.enable_mem_pattern = planned
    if not optimise:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; its warnings are about graphs, not for users
    # A worker that spins between steps would take a core from the other stages.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Some processors add products of 8-bit numbers in 16 bits: take the way that cannot overflow.
    options.add_session_config_entry("session.x64quantprecision", "1")
    if whole:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    file = cache.context() if cache else None
    try:
        return ort.InferenceSession(
            file or graph, options, providers=_providers(device, whole, cache)
        )
    except Exception as error:  # ONNX Runtime's own exceptions share no base
        lacks = device == "cpu" and "NOT_IMPLEMENTED" in str(error)
        hint = "; what was exported in bf16 takes a GPU" if lacks else ""
        raise BundleError(f"cannot load {graph} on {device}: {error}{hint}") from error


def _providers(device: str, whole: bool, cache: EngineCache | None) -> list[Any]:
    """Providers with their options, as ONNX Runtime wants them: the first takes what it can."""
    cuda = (NAMES["cuda"], {"device_id": 0, "use_tf32": 0})  # fp32 means fp32
    rest = [] if whole else [NAMES["cpu"]]
    if device == "cpu":
        return [NAMES["cpu"]]
    if device == "cuda":
        return [cuda, *rest]
    assert cache is not None, "TensorRT has a cache, if only a folder that is thrown away"
    # No precision is set: engines are strongly typed, what a graph says is what is computed.
    options = {
        "device_id": 0,
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": str(cache.folder),
        "trt_timing_cache_enable": True,
        "trt_timing_cache_path": str(cache.folder),
        "trt_dump_ep_context_model": True,
        "trt_ep_context_file_path": str(cache.folder),
    }
    return [(NAMES["tensorrt"], options), cuda, *rest]


def mismatch() -> str | None:
    """Say it if the installed TensorRT is not the one that ONNX Runtime's provider links."""
    linked, cuda = linked_tensorrt(), linked_cuda()
    if linked is None:
        return None
    package, version = tensorrt()
    known, of_cuda = version.partition(".")[0], package.partition("-cu")[2]
    if known == str(linked) and (not of_cuda or not cuda or of_cuda == str(cuda)):
        return None
    found = f"{package} {version} is installed" if package else "none is installed"
    wanted = f"TensorRT {linked}" + (f" for CUDA {cuda}" if cuda else "")
    named = f"tensorrt-cu{cuda}" if cuda else "tensorrt"
    return (
        f"this onnxruntime-gpu links {wanted} and {found}: "
        f"pip install '{named}>={linked},<{linked + 1}'"
    )


def linked_tensorrt() -> int | None:
    """Return the major version that the wheel's provider wants, read from the library itself."""
    return _linked("TensorRT")


def linked_cuda() -> int | None:
    """Likewise of CUDA."""
    return _linked("CUDA")


def _linked(what: str) -> int | None:
    spec = util.find_spec("onnxruntime")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations))) / "capi"
    library = folder / "libonnxruntime_providers_tensorrt.so"
    if not library.is_file():
        return None
    found = _LIBRARIES[what].search(library.read_bytes())
    return int(found[1]) if found else None
