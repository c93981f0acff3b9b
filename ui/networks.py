"""Which extractors there are here: those that ship, and those that were made on this machine."""

from contextlib import suppress
from pathlib import Path

from tap_live.errors import BundleError
from tap_live.extractors import network
from tap_live.processor import TargetKind
from tap_live.service.clips import data_folder


def installed(kind: TargetKind, folder: Path | None = None) -> Path | None:
    """The compact bundle for a kind of target; the newest of those made here, else what ships.

    Args:
        folder: that bundles made here lie in.
    """
    # Not those with a point before their name: they are still being made.
    there = (folder or data_folder() / "bundles").glob("[!.]*/manifest.json")
    for manifest in sorted(there, key=lambda path: path.stat().st_mtime, reverse=True):
        with suppress(BundleError):  # a model of another kind, or broken
            if network.kind_of(manifest.parent) == kind:
                return manifest.parent
    return network.installed(kind)
