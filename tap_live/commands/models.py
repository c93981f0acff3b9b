"""`tap-live models`: the bundles and weights that there are, and getting those there are not."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from tap_live import bundles
from tap_live.bundle import MANIFEST, Bundle, Manifest, open_bundle, read_manifest
from tap_live.commands.captioning import progress_bar
from tap_live.commands.options import Json
from tap_live.errors import BundleError
from tap_live.whisper.assemble import assembled
from tap_live.whisper.sources import entry_of, index, local

BUNDLES = Path(bundles.__file__).parent

models = typer.Typer(help="List, fetch and check models.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="As `models list` shows it, or a bundle's folder.")]


class Row(msgspec.Struct, frozen=True):
    """One model in the list."""

    name: str
    kind: str
    licence: str
    state: Literal["shipped", "here", "to be fetched"]
    bytes: int


@models.command("list")
def list_models(json: Json = False) -> None:
    """List all models: those that ship, and Whisper's weights."""
    rows = [_shipped(manifest) for manifest in _manifests()] + [_weights(n) for n in index()]
    if json:
        typer.echo(msgspec.json.encode(rows))
        return
    table = Table("name", "kind", "licence", "MB", "state", box=None)
    for row in rows:
        table.add_row(row.name, row.kind, row.licence, f"{row.bytes / 1e6:.1f}", row.state)
    Console().print(table)


@models.command()
def pull(name: Name) -> None:
    """Fetch a Whisper model's weights and make them ready, so that a later start is offline."""
    entry_of(name)
    with progress_bar() as tell:
        folder = assembled(name, progress=tell)
    Console().print(f"{name} is ready in {folder}", soft_wrap=True, markup=False)


@models.command()
def info(name: Name, json: Json = False) -> None:
    """Show a bundle's manifest and model card."""
    folder = _folder(name)
    manifest = read_manifest(folder)
    if json:
        typer.echo(msgspec.json.encode(manifest))
        return
    typer.echo(f"{manifest.name} ({manifest.kind}), licence {manifest.licence}, in {folder}")
    typer.echo(f"made by: {manifest.made_by}")
    for source in manifest.sources:
        typer.echo(f"made from: {source}")
    for card in ("card.md", "README.md"):
        if card in manifest.files:
            typer.echo("\n" + (folder / card).read_text(encoding="utf-8"))


@models.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="[default: all that ship]")] = None,
) -> None:
    """Compare every file of a bundle with its sha256."""
    folders = [_folder(name)] if name else [path.parent for path in _paths()]
    for folder in folders:
        bundle: Bundle = open_bundle(folder)
        typer.echo(f"{bundle.manifest.name}: {len(bundle.manifest.files)} files as they were made")


def _paths() -> list[Path]:
    return sorted(BUNDLES.glob(f"*/{MANIFEST}"))


def _manifests() -> list[Manifest]:
    return [read_manifest(path.parent) for path in _paths()]


def _folder(name: str) -> Path:
    """Find a bundle by name or path. Raises: BundleError listing the names there are."""
    for path in (BUNDLES / name, BUNDLES / f"whisper-{name}", Path(name)):
        if (path / MANIFEST).is_file():
            return path
    names = ", ".join(manifest.name for manifest in _manifests())
    raise BundleError(f"no bundle {name!r}: there are {names}, or give a folder")


def _shipped(manifest: Manifest) -> Row:
    size = sum(file.bytes for file in manifest.files.values())
    return Row(manifest.name, manifest.kind, manifest.licence, "shipped", size)


def _weights(name: str) -> Row:
    entry = entry_of(name)
    state: Literal["here", "to be fetched"] = "here" if any(local(entry)) else "to be fetched"
    return Row(name, "whisper weights", entry.licence, state, entry.bytes)
