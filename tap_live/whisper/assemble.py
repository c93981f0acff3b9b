"""Put graphs and weights together, once, in the user's cache.

    <cache>/whisper/base.en-int8-<key>/  encoder.onnx decoder.onnx weights.bin
                                         decoder-static.onnx, if cards run the precision
                                         tokenizer.json dims.json assembled.json

The folder appears whole or not at all: it is made beside its place and renamed, so two
processes may do it at once. Its key covers the bundle and the weights it was made from.
"""

import errno
import hashlib
import logging
import lzma
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import platformdirs
from numpy.typing import NDArray

from tap_live import bundles
from tap_live.bundle import MANIFEST, Bundle, FileSpec, check_file, file_spec, open_bundle, sha256
from tap_live.errors import BundleError, StorageError
from tap_live.whisper.model import DIMS, RECORD, STATIC, Precision, Progress, WhisperDims
from tap_live.whisper.sources import Found, entry_of, fetch, local
from tap_live.whisper.table import WeightTable, made
from tap_live.whisper.weights import MODEL_BIN, read_weights

log = logging.getLogger(__name__)

Variables: TypeAlias = Mapping[str, NDArray[Any]]

BUNDLES = Path(bundles.__file__).parent
KIND = "whisper"
GRAPHS = ("encoder", "decoder", STATIC)  # the last of what a card runs: not of 8 bits
TOKENIZER = "tokenizer.json"


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an assembled folder was made from, and what is in it."""

    bundle: str
    origin: str
    files: dict[str, FileSpec]


def assembled(
    source: str | Path,
    *,
    precision: Precision = "int8",
    progress: Progress | None = None,
    cache: Path | None = None,
) -> Path:
    """Return the folder of a model that is ready to load, made now if need be.

    Args:
        source: a name of the index, a folder (or `model.bin`) of weights, or a folder
            that this function made before.
        cache: where to make it; None: the user's cache.

    Raises: BundleError if there are no weights, or broken ones, or those of a model of
        which there is no bundle; StorageError if the cache cannot be written.
    """
    path = Path(source)
    if (path / RECORD).is_file():
        return checked(path)
    cache = cache or Path(platformdirs.user_cache_dir("tap-live")) / "whisper"
    if isinstance(source, str) and not path.exists():
        return _by_name(source, precision, progress, cache)
    if not path.exists():
        raise BundleError(f"no weights at {path}: give a CTranslate2 or Hugging Face folder")
    weights = path / MODEL_BIN if (path / MODEL_BIN).is_file() else path
    found = Found((weights,), str(path), None)
    bundle = _bundle_for(read_weights(weights), path)
    key = _key(bundle, _fingerprint(weights))
    return _kept(cache / f"{path.stem or 'model'}-{precision}-{key}") or _assemble(
        bundle, found, cache / f"{path.stem or 'model'}-{precision}-{key}", precision, progress
    )


def checked(folder: Path) -> Path:
    """Compare an assembled folder with its record.

    Raises: BundleError naming the file that is missing or changed.
    """
    try:
        record = msgspec.json.decode((folder / RECORD).read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError) as error:
        raise BundleError(f"no assembled Whisper at {folder}: {error}") from error
    for file, spec in record.files.items():
        check_file(folder / file, spec, record.bundle)
    return folder


def _by_name(name: str, precision: Precision, progress: Progress | None, cache: Path) -> Path:
    entry = entry_of(name)
    bundle = open_bundle(BUNDLES / entry.bundle, KIND)
    folder = cache / f"{name}-{precision}-{_key(bundle, name)}"
    kept = _kept(folder)
    if kept is not None:
        return kept
    broken: BundleError | None = None
    for found in local(entry):
        try:
            return _assemble(bundle, found, folder, precision, progress)
        except BundleError as error:  # the next one may be whole
            log.warning("%s", error)
            broken = error
    try:
        return _assemble(bundle, fetch(entry), folder, precision, progress)
    except BundleError as error:
        if broken is not None:
            raise broken from error
        raise


def _kept(folder: Path) -> Path | None:
    """Return a folder of the cache if it is whole; a broken one is made again."""
    if not folder.exists():
        return None
    try:
        return checked(folder)
    except BundleError as error:
        log.warning("assembling again: %s", error)
        return None


def _bundle_for(variables: Variables, path: Path) -> Bundle:
    """Find the bundle whose graphs fit these weights."""
    shapes = (
        variables["decoder/embeddings/weight"].shape,
        sum(name.endswith("ffn/linear_0/weight") for name in variables),
    )
    folders = [path, *sorted(BUNDLES.glob("whisper-*"))]
    for folder in (folder for folder in folders if (folder / MANIFEST).is_file()):
        bundle = open_bundle(folder, KIND)
        dims = _dims(bundle)
        layers = dims.encoder_layers + dims.decoder_layers
        if ((dims.n_vocab, dims.width), layers) == shapes:
            return bundle
    raise BundleError(
        f"no graphs for a Whisper of width {shapes[0][1]} and {shapes[1]} layers ({path}): "
        f"make them with `python -m tap_live.export.whisper graphs {path}`"
    )


def _dims(bundle: Bundle) -> WhisperDims:
    return msgspec.convert(bundle.manifest.settings["dims"], WhisperDims)


def _key(bundle: Bundle, weights: str) -> str:
    digest = hashlib.sha256((bundle.folder / MANIFEST).read_bytes())
    digest.update(weights.encode())
    return digest.hexdigest()[:12]


def _fingerprint(weights: Path) -> str:
    files = sorted(weights.glob("*.safetensors")) if weights.is_dir() else [weights]
    return " ".join(sha256(file) for file in files)


def _assemble(
    bundle: Bundle, found: Found, folder: Path, precision: Precision, progress: Progress | None
) -> Path:
    tell = progress or _untold
    tell(f"checking {found.origin}", 0, 1)
    with _beside(folder) as making, _scratch(folder.parent) as scratch:
        variables = read_weights(found.join(scratch))
        table = msgspec.json.decode(
            bundle.path(f"weights.{precision}.json").read_bytes(), type=WeightTable
        )
        _write_weights(making / "weights.bin", table, variables, tell)
        for graph in GRAPHS:
            file = f"{graph}.{precision}.onnx"
            if graph != STATIC or file in bundle.manifest.files:
                shutil.copyfile(bundle.path(file), making / f"{graph}.onnx")
        tokenizer = lzma.decompress(bundle.path(f"{TOKENIZER}.xz").read_bytes())
        (making / TOKENIZER).write_bytes(tokenizer)
        (making / DIMS).write_bytes(msgspec.json.encode(_dims(bundle)))
        files = {file.name: file_spec(file) for file in sorted(making.iterdir())}
        record = Record(bundle.manifest.name, found.origin, files)
        (making / RECORD).write_bytes(msgspec.json.encode(record))
    return folder


def _untold(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def _write_weights(
    path: Path, table: WeightTable, variables: Variables, progress: Progress
) -> None:
    with path.open("wb") as file:
        for spec in table.weights:
            progress("assembling", spec.offset, table.bytes)
            file.seek(spec.offset)
            file.write(made(spec, variables).data)
        file.truncate(table.bytes)
        os.fsync(file.fileno())
    progress("assembling", table.bytes, table.bytes)


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """Make a folder under another name, and rename it when everything in it is there.

    Raises: StorageError if the disk is full or not to be written.
    """
    making: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
        yield making
        _put(making, folder)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    finally:
        if making is not None:
            shutil.rmtree(making, ignore_errors=True)


def _put(making: Path, folder: Path) -> None:
    """Rename; another process may have been quicker, or have left a broken one."""
    if folder.exists() and _kept(folder) is None:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        making.rename(folder)
    except OSError:
        if _kept(folder) is None:
            raise


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(
        prefix=".joining-", dir=parent, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


def _cannot_write(folder: Path, error: OSError) -> StorageError:
    where = folder.parent
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(
            f"no room to assemble {folder.name} in {where}: free some, "
            "or set XDG_CACHE_HOME to a folder on another disk"
        )
    return StorageError(
        f"cannot assemble {folder.name} in {where}: {error.strerror or error}; "
        "make it writable, or set XDG_CACHE_HOME to a folder that is"
    )
