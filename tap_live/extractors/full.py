"""Where bundles of the full models lie: no one of them ships, a user makes it."""

from pathlib import Path

from tap_live.bundle import MANIFEST
from tap_live.errors import BundleError
from tap_live.extractors.network import BUNDLES, made_here


def installed_folder(name: str) -> Path:
    """Where a user puts the bundle of a full model."""
    return made_here() / name


def full_bundle(name: str, checkpoint: str, *options: str) -> Path:
    """The folder of a full model's bundle.

    Args:
        checkpoint, options: what `tap-live export` makes it of, as a user has them.
    Raises: BundleError saying how to get it.
    """
    own = installed_folder(name)
    for folder in (own, BUNDLES / name):
        if (folder / MANIFEST).is_file():
            return folder
    given = "".join(f" --option {option}" for option in options)
    raise BundleError(
        f"wanted the bundle '{name}', which is not installed: make it with `tap-live export {name} "
        f"--checkpoint {checkpoint} --out {own}{given}`, or name its folder with --extractor; "
        f"docs/{name}.md says where these files come from"
    )
