"""A bundle: a folder with a manifest, ONNX graphs and a model card.

Nothing in a bundle is trusted before its manifest was read and the sha256 of
every file was compared; no file of it is ever unpickled or executed.
"""

import hashlib
from pathlib import Path, PurePosixPath

import msgspec

from tap_live.errors import BundleError

MANIFEST = "manifest.json"
FORMAT = 1


class TensorSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One input or output of a graph; a name in `shape` is an axis of any length."""

    name: str
    dtype: str  # as numpy writes it: float32, int64
    shape: tuple[int | str, ...]


class StateSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tensor that a graph takes at one step and returns for the next."""

    input: str
    output: str
    dtype: str
    shape: tuple[int, ...]  # of the initial state, all zeros; an axis that grows starts at 0


class GraphSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One ONNX file: `outputs, state = step(inputs, state)`."""

    file: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    state: tuple[StateSpec, ...] = ()
    ranges: dict[str, tuple[int, int, int]] = {}  # of axes of any length: `profiles.Ranges`


class FileSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the bundle as it was made."""

    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a bundle is, how it was made, and what is in it."""

    format: int
    name: str  # "whisper-base.en"
    kind: str  # "whisper", "vad", "speaker", "voice-extractor", ...
    licence: str
    made_by: str  # the command that makes it again
    sources: tuple[str, ...]  # weights and data it was made from, each with its licence
    files: dict[str, FileSpec]
    graphs: dict[str, GraphSpec] = {}
    rate: int | None = None  # Hz, where the graphs take audio
    settings: dict[str, object] = {}


class Bundle(msgspec.Struct, frozen=True):
    """A verified bundle: a folder and what its manifest says."""

    folder: Path
    manifest: Manifest

    def path(self, file: str) -> Path:
        return self.folder / file

    def graph(self, name: str) -> GraphSpec:
        """Raises: BundleError if the bundle has no such graph."""
        try:
            return self.manifest.graphs[name]
        except KeyError:
            raise BundleError(
                f"bundle {self.manifest.name!r} has no graph {name!r}, "
                f"only {', '.join(self.manifest.graphs) or 'none'}"
            ) from None


def open_bundle(folder: Path, kind: str | None = None) -> Bundle:
    """Read a bundle's manifest and compare every file with it.

    Args:
        folder: where `manifest.json` lies.
        kind: what the caller can use, if it matters.

    Raises: BundleError naming the file that is missing, changed or foreign.
    """
    manifest = read_manifest(folder)
    if kind is not None and manifest.kind != kind:
        raise BundleError(f"wanted a bundle of kind {kind!r}, {folder} is {manifest.kind!r}")
    for file, spec in manifest.files.items():
        check_file(_inside(folder, file), spec, manifest.name)
    return Bundle(folder, manifest)


def read_manifest(folder: Path) -> Manifest:
    """Decode `manifest.json` without looking at the other files.

    Raises: BundleError if it is absent, malformed or of another format.
    """
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise BundleError(f"no bundle at {folder}: {MANIFEST} is missing") from None
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        raise BundleError(f"cannot read {path}: {error}") from error
    if manifest.format != FORMAT:
        raise BundleError(
            f"{path} has format {manifest.format}, this version reads {FORMAT}: "
            "export the bundle again or update tap-live"
        )
    unlisted = {graph.file for graph in manifest.graphs.values()} - manifest.files.keys()
    if unlisted:
        raise BundleError(f"{path} gives no sha256 for {', '.join(sorted(unlisted))}")
    return manifest


def check_file(path: Path, spec: FileSpec, bundle: str) -> None:
    """Compare one file with its manifest entry.

    Raises: BundleError if it is missing, of another length or changed.
    """
    hint = f"bundle {bundle!r} is incomplete or changed: install or export it again"
    try:
        size = path.stat().st_size
        if size != spec.bytes:
            raise BundleError(f"{path} has {size} bytes, {spec.bytes} expected; {hint}")
        digest = sha256(path)
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}; {hint}") from error
    if digest != spec.sha256:
        raise BundleError(f"{path} has sha256 {digest[:12]}…, {spec.sha256[:12]}… expected; {hint}")


def sha256(path: Path) -> str:
    """Hash a file of any size in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_spec(path: Path) -> FileSpec:
    """Describe a file for a manifest."""
    return FileSpec(bytes=path.stat().st_size, sha256=sha256(path))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json`, readable by people and stable under version control."""
    encoded = msgspec.json.encode(manifest, order="sorted")
    (folder / MANIFEST).write_bytes(msgspec.json.format(encoded, indent=2) + b"\n")


def _inside(folder: Path, file: str) -> Path:
    """A manifest may come from anywhere: it names files of its own folder only."""
    pure = PurePosixPath(file)
    if pure.is_absolute() or ".." in pure.parts or "\\" in file or not file.isprintable():
        raise BundleError(f"the manifest of {folder} names {file!r}, outside the bundle")
    return folder.joinpath(*pure.parts)
