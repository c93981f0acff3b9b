"""Where a graph runs: which of ONNX Runtime's execution providers, with which options.

    placed = place(graph, "auto")
    placed.session, placed.device

`auto` takes the first of TensorRT, CUDA and the CPU that this machine has. ONNX Runtime
falls back to the CPU without a word when a provider's libraries cannot be loaded: so a
session is asked afterwards where it is, and what is not as wanted is told, or refused.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import util
from pathlib import Path
from typing import Any, Literal, TypeAlias

from tap_live import INSTALL
from tap_live.engine_cache import tensorrt
from tap_live.errors import BundleError, ConfigError, RuntimeMissingError, TapError
from tap_live.profiles import FIXED, Ranges
from tap_live.tensorrt_provider import open_built

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
OTHERS = "`tap-live doctor` looks at the card, `--device cuda` takes what TensorRT does not"
_CUDA = (NAMES["cuda"], {"device_id": 0, "use_tf32": 0})  # fp32 means fp32
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
    ranges: Ranges = FIXED,
    beside: str = "",
    threads: int = 1,
    strict: bool = False,
    whole: bool | None = None,
    optimise: bool = True,
    planned: bool = True,
    tell: Tell = _warn_once,
) -> Placed:
    """Load one ONNX file; TensorRT builds its engines now, which takes minutes the first time.

    Args:
        ranges: of axes that have no fixed length, without which TensorRT does not take them.
        beside: fingerprint of weights that are not in its file; engines are built with them.
        strict: refuse another device than the one asked for, where it would only be told.
        whole: refuse nodes of the graph that the device leaves to the CPU; None: if `strict`.
        optimise: let ONNX Runtime rewrite the graph.
        planned: let it keep a plan of memory for each shape that it saw: quicker if they are few.
    Raises: RuntimeMissingError if ONNX Runtime, or with `strict` the device, is not there;
        BundleError if the graph cannot be loaded, or with `strict` no engine be built of it.
    """
    ort = _runtime()
    whole = device != "cpu" and (strict if whole is None else whole)
    load = _Loading(ort, graph, threads, whole, optimise, planned)
    for one in _to_try(device, ort.get_available_providers(), strict, tell):
        if one == "tensorrt":
            try:
                session = open_built(load.on_tensorrt, load.asked, graph, ranges, beside, tell)
            except (BundleError, ConfigError) as error:  # no driver, a free axis, no such operator
                _miss(one, str(error), strict, tell, OTHERS, BundleError)
                continue
        else:
            session = load.on(one)
        if NAMES[one] in session.get_providers():
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


def _miss(
    device: str,
    why: str,
    strict: bool,
    tell: Tell,
    cure: str = GPU_INSTALL,
    failure: type[TapError] = RuntimeMissingError,
) -> None:
    unfit = mismatch()
    text = f"wanted {device}, but {why}: {unfit or cure}"
    if strict:
        raise (RuntimeMissingError if unfit else failure)(text)
    tell(f"{text}; the next slower is taken")


@dataclass(frozen=True)
class _Loading:
    """How a graph is loaded, wherever that is."""

    ort: Any  # onnxruntime has no types
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
        options.graph_optimization_level = self.ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        providers = [_CUDA, NAMES["cpu"]]
        return self._session(self.graph, "cuda", providers, options)

    def _providers(self, device: str) -> list[Any]:
        """A device and those that it may leave nodes to, as ONNX Runtime wants them."""
        cpu = [NAMES["cpu"]]
        return cpu if device == "cpu" else [_CUDA, *([] if self.whole else cpu)]

    def _options(self) -> Any:
        options = self.ort.SessionOptions()
        options.enable_mem_pattern = self.planned
        if not self.optimise:
            options.graph_optimization_level = self.ort.GraphOptimizationLevel.ORT_DISABLE_ALL
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
            return self.ort.InferenceSession(file, options, providers=providers)
        except Exception as error:  # ONNX Runtime's own exceptions share no base
            lacks = device == "cpu" and "NOT_IMPLEMENTED" in str(error)
            hint = "; what was exported in bf16 takes a GPU" if lacks else ""
            raise BundleError(f"cannot load {file} on {device}: {error}{hint}") from error


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
