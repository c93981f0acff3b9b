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
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import util
from pathlib import Path
from typing import Any, Literal, TypeAlias

from tap_live import INSTALL
from tap_live.engine_cache import tensorrt
from tap_live.errors import BundleError, ConfigError, RuntimeMissingError, TapError
from tap_live.loading import NAMES, Loading, runtime
from tap_live.profiles import FIXED, Ranges
from tap_live.tensorrt_provider import open_built
from tap_live.waiting import ALONE, Waiting

Device: TypeAlias = Literal["auto", "cpu", "cuda", "tensorrt"]
"""What a user asks for; `auto` is the fastest that there is."""

Tell: TypeAlias = Callable[[str], None]

ORDER = tuple(NAMES)  # of falling back
GPU_INSTALL = "pip uninstall onnxruntime && pip install 'tap-live[gpu]'"
OTHERS = "`tap-live doctor` looks at the card, `--device cuda` takes what TensorRT does not"
_LIBRARIES = {
    "TensorRT": re.compile(rb"libnvinfer\.so\.(\d+)"),
    "CUDA": re.compile(rb"libcudart\.so\.(\d+)"),
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Where:
    """The device that a user asks for, whether nothing slower will do, and who waits for it."""

    device: Device = "auto"
    strict: bool = False
    waiting: Waiting = field(default=ALONE, compare=False, repr=False)

    @property
    def for_hops(self) -> "Where":
        """For networks made for one hop on a CPU: they leave it only if a GPU is named."""
        return replace(self, device="cpu") if self.device == "auto" else self

    def first(self) -> str:
        """The device that is tried first here. Raises: RuntimeMissingError."""
        available = runtime().get_available_providers()
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
    waiting: Waiting = ALONE,
) -> Placed:
    """Load one ONNX file; TensorRT builds its engines now, which takes minutes the first time.

    Args:
        ranges: of axes that have no fixed length, without which TensorRT does not take them.
        beside: fingerprint of weights that are not in its file; engines are built with them.
        strict: refuse another device than the one asked for, where it would only be told.
        whole: refuse nodes of the graph that the device leaves to the CPU; None: if `strict`.
        optimise: let ONNX Runtime rewrite the graph.
        planned: let it keep a plan of memory for each shape that it saw: quicker if they are few.
        tell: told what is not as wanted.
        waiting: told how building goes, and ends it.
    Raises: RuntimeMissingError if ONNX Runtime, or with `strict` the device, is not there;
        BundleError if the graph cannot be loaded, or with `strict` no engine be built of it;
        CancelledError if building was given up.
    """
    ort = runtime()
    whole = device != "cpu" and (strict if whole is None else whole)
    load = Loading(graph, threads, whole, optimise, planned)
    for one in _to_try(device, ort.get_available_providers(), strict, tell):
        if one == "tensorrt":
            try:
                session = open_built(load, ranges, beside, tell, waiting)
            except (BundleError, ConfigError) as error:  # no driver, a free axis, a crash
                _miss(one, str(error), strict, tell, OTHERS, BundleError)
                continue
        else:
            session = load.on(one)
        if NAMES[one] in session.get_providers():
            return Placed(session, one)
        _miss(one, "its libraries cannot be loaded", strict, tell)
    raise RuntimeMissingError(f"ONNX Runtime runs nothing here: {INSTALL}")


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
