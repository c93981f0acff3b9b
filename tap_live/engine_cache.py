"""Engines that TensorRT built, kept for the next start: one folder a graph.

An engine belongs to the card, the driver and the versions that built it, and to the lengths that
it was built for; providers do not notice when one of these changes. So they are a key that lies
in the folder; what it holds is used only if it is whole and its key is what is wanted here. What
is not used is removed, with the reason, and built again in its place. Who builds holds a lock
beside the folder, which ends with its process: of two starts at once the second waits.
"""

import atexit
import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import TypeAlias

import msgspec
import platformdirs
from filelock import FileLock, Timeout

from tap_live.bundle import FileSpec, file_spec
from tap_live.errors import BundleError
from tap_live.profiles import FIXED, Ranges
from tap_live.waiting import Waiting

KEY, SEAL = "key.json", "files.json"
CONTEXT = "*_ctx.onnx"  # as ONNX Runtime names it
TENSORRT = ("tensorrt-cu13", "tensorrt-cu12", "tensorrt")  # the last names no CUDA
ASK_S = 10  # for the driver's own tool

Tell: TypeAlias = Callable[[str], None]

_log = logging.getLogger(__name__)


class Machine(msgspec.Struct, frozen=True):
    """What an engine is built for."""

    gpu: str
    compute: str  # capability: "9.0"
    driver: str
    tensorrt: str
    onnxruntime: str


class Key(msgspec.Struct, frozen=True):
    """A machine, the graph that was built for it, and the lengths of its free axes."""

    machine: Machine
    graph: str  # sha256
    ranges: dict[str, tuple[int, int, int]] = {}  # `profiles.Ranges`
    beside: str = ""  # fingerprint of weights in files of their own

    def differences(self, here: "Key") -> list[str]:
        """Say what was built for something else than is found here."""
        told = [
            f"built for {name} {getattr(self.machine, name)}, found {getattr(here.machine, name)}"
            for name in Machine.__struct_fields__
            if getattr(self.machine, name) != getattr(here.machine, name)
        ]
        told += ["built of another graph"] if self.graph != here.graph else []
        told += ["built with other weights"] if self.beside != here.beside else []
        return told + (["built for other lengths"] if self.ranges != here.ranges else [])


class EngineCache:
    """The folder of one graph's engines.

    Where it cannot be written, engines are built into a folder that is gone when Python ends.
    """

    def __init__(self, folder: Path, key: Key, tell: Tell = _log.warning) -> None:
        self._key, self._tell = key, tell
        self.folder = folder
        self.complete = self._unfit() is None

    @classmethod
    def of(
        cls, graph: Path, ranges: Ranges = FIXED, beside: str = "", *, tell: Tell = _log.warning
    ) -> "EngineCache":
        """The cache of the graph in that place.

        Args:
            beside: fingerprint of its weights where they are in files of their own.
        Raises: BundleError without an NVIDIA driver.
        """
        key = Key(this_machine(), file_spec(graph).sha256, dict(ranges), beside)
        digest = hashlib.sha256(os.fsencode(graph.resolve())).hexdigest()[:16]
        name = f"{graph.parent.name}-{graph.stem}-{digest}"
        return cls(platformdirs.user_cache_path("tap-live") / "engines" / name, key, tell)

    def context(self) -> Path | None:
        """The graph with its engines in it, if they were built before."""
        return next(contexts(self.folder), None) if self.complete else None

    @contextmanager
    def alone(self, waiting: Waiting) -> Iterator[None]:
        """While this lasts nobody else builds here.

        If it is not `complete` then, the folder holds nothing but the key: build, and `seal`.

        Raises: CancelledError while it waits for somebody else.
        """
        with ExitStack() as stack:
            if not self.complete:
                stack.callback(self._locked(waiting))
                self._begin()
            yield

    def seal(self) -> None:
        """Say that what was built is whole; what is not sealed is built again."""
        files = {p.name: file_spec(p) for p in self.folder.iterdir() if p.name not in (KEY, SEAL)}
        (self.folder / SEAL).write_bytes(msgspec.json.encode(files))
        self.complete = True

    def _locked(self, waiting: Waiting) -> Callable[[], None]:
        """Take the lock; return what gives it back."""
        lock = FileLock(self.folder.with_name(f"{self.folder.name}.lock"))
        try:
            if not _taken(lock, 0):
                waiting.tell(f"another start builds the engines in {self.folder}: waiting for it")
                waiting.until(partial(_taken, lock), f"waiting for the engines in {self.folder}")
        except (OSError, NotImplementedError):
            return lambda: None  # where no lock can be nothing is kept either, or very seldom
        return lock.release

    def _unfit(self) -> str | None:
        """Why what the folder holds is not used: empty if it is only unfinished, or not there."""
        if not (self.folder / SEAL).exists():
            return ""
        try:
            found = msgspec.json.decode((self.folder / KEY).read_bytes(), type=Key)
            sealed = msgspec.json.decode(
                (self.folder / SEAL).read_bytes(), type=dict[str, FileSpec]
            )
            broken = [n for n, spec in sealed.items() if file_spec(self.folder / n) != spec]
        except (OSError, msgspec.DecodeError) as error:
            return f"they cannot be read: {error}"
        reasons = found.differences(self._key) + [
            f"{name} is cut short or changed" for name in broken
        ]
        return "; ".join(reasons) or None

    def _begin(self) -> None:
        """Make an empty folder to build in, unless what it holds has become whole."""
        why = self._unfit()
        self.complete = why is None
        if self.complete:
            return
        if why:
            self._tell(f"engines in {self.folder} are built again: {why}")
        try:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / KEY).write_bytes(msgspec.json.encode(self._key))
            if not os.access(self.folder, os.W_OK):
                raise PermissionError(f"no access to {self.folder}")
        except OSError as error:
            self._tell(f"engines are built at every start: {error.strerror or error}")
            self.folder = Path(tempfile.mkdtemp(prefix="tap-live-engines-"))
            atexit.register(shutil.rmtree, self.folder, ignore_errors=True)


def contexts(folder: Path) -> Iterator[Path]:
    """Graphs with engines in them, as the provider writes them."""
    return folder.glob(CONTEXT)


def _taken(lock: FileLock, seconds: float) -> bool:
    """Try to take a lock for so long."""
    try:
        lock.acquire(timeout=seconds)
    except Timeout:  # which is an OSError too
        return False
    return True


def check_origin(folder: Path, key: Key) -> None:
    """Refuse engines that were built for something else. Raises: BundleError with the reasons."""
    try:
        found = msgspec.json.decode((folder / KEY).read_bytes(), type=Key)
    except (OSError, msgspec.DecodeError) as error:
        raise BundleError(f"wanted {KEY} beside the engine in {folder}, found {error}") from error
    reasons = found.differences(key)
    if reasons:
        raise BundleError(
            f"the engine in {folder} does not fit: {'; '.join(reasons)}; "
            "build it here with `tap-live export … --to tensorrt`"
        )


@cache
def this_machine() -> Machine:
    """Ask the driver and the installed packages. Raises: BundleError if there is no driver."""
    query = ["--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(
            ["nvidia-smi", *query], capture_output=True, text=True, check=True, timeout=ASK_S
        )
        gpu, compute, driver = (part.strip() for part in done.stdout.splitlines()[0].split(","))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise BundleError(
            f"wanted an NVIDIA card and its driver, nvidia-smi says: {error}"
        ) from error
    return Machine(gpu, compute, driver, tensorrt()[1] or "none", _version("onnxruntime-gpu"))


def tensorrt() -> tuple[str, str]:
    """The installed distribution of TensorRT and its version; two empty words if there is none."""
    found = ((name, _version(name)) for name in TENSORRT)
    return next(((name, version) for name, version in found if version != "none"), ("", ""))


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "none"
