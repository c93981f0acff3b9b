"""How long kernels took when TensorRT chose among them, kept for the next build.

They hold for one card, driver and version, whatever the graph: so this machine is their key. What
another machine measured, or what is broken, is left with a word, and measured again.
"""

import hashlib
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import msgspec
import platformdirs

from tap_live.engine_cache import Key, Machine

FILE = "timings"

Tell: TypeAlias = Callable[[str], None]

_log = logging.getLogger(__name__)


class _Kept(msgspec.Struct, frozen=True):
    """What the file holds."""

    machine: Machine
    sha256: str
    content: bytes


class Timings:
    """The file of one user, read and written for one machine."""

    def __init__(self, path: Path, machine: Machine, tell: Tell = _log.warning) -> None:
        self._path, self._machine, self._tell = path, machine, tell

    @classmethod
    def of(cls, machine: Machine) -> "Timings":
        return cls(platformdirs.user_cache_path("tap-live") / "engines" / FILE, machine)

    def read(self) -> bytes:
        """What was measured on this machine before; empty if nothing was."""
        try:
            kept = msgspec.msgpack.decode(self._path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            return b""
        except (OSError, msgspec.DecodeError) as error:
            return self._leave(f"it cannot be read: {error}")
        if reasons := Key(kept.machine, "").differences(Key(self._machine, "")):
            return self._leave("; ".join(reasons))
        if hashlib.sha256(kept.content).hexdigest() != kept.sha256:
            return self._leave("it is changed")
        return kept.content

    def write(self, content: bytes) -> None:
        """Keep what is known now; where nothing can be written that is told."""
        kept = _Kept(self._machine, hashlib.sha256(content).hexdigest(), content)
        making = self._path.with_name(f".{self._path.name}-{os.getpid()}")
        try:
            making.parent.mkdir(parents=True, exist_ok=True)
            making.write_bytes(msgspec.msgpack.encode(kept))
            making.replace(self._path)
        except OSError as error:
            self._tell(f"timings are not kept, builds stay slow: {error.strerror or error}")
            with suppress(OSError):
                making.unlink()

    def unusable(self) -> None:
        """Say that TensorRT itself refused what was read."""
        self._leave("TensorRT does not take it")

    def _leave(self, why: str) -> bytes:
        self._tell(f"timings in {self._path} are measured again: {why}")
        return b""
