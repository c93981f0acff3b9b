"""The models that there are: bundles that ship, and Whisper's weights."""

from pathlib import Path
from typing import Literal

import msgspec

from tap_live import bundles
from tap_live.bundle import MANIFEST, Manifest, read_manifest
from tap_live.whisper.sources import entry_of, index, local

BUNDLES = Path(bundles.__file__).parent


class Row(msgspec.Struct, frozen=True):
    """One model in the list."""

    name: str
    kind: str
    licence: str
    state: Literal["shipped", "here", "to be fetched"]
    bytes: int


def catalogue() -> list[Row]:
    """List all models."""
    return [_shipped(manifest) for manifest in manifests()] + [_weights(name) for name in index()]


def manifests() -> list[Manifest]:
    """Read the manifests of the bundles that ship."""
    return [read_manifest(path) for path in folders()]


def folders() -> list[Path]:
    """List the folders of the bundles that ship."""
    return [path.parent for path in sorted(BUNDLES.glob(f"*/{MANIFEST}"))]


def _shipped(manifest: Manifest) -> Row:
    size = sum(file.bytes for file in manifest.files.values())
    return Row(manifest.name, manifest.kind, manifest.licence, "shipped", size)


def _weights(name: str) -> Row:
    entry = entry_of(name)
    state: Literal["here", "to be fetched"] = "here" if any(local(entry)) else "to be fetched"
    return Row(name, "whisper weights", entry.licence, state, entry.bytes)
