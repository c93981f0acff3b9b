"""`tap-live models`: the bundles and weights that there are, and getting those there are not."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from tap_live.bundle import MANIFEST, open_bundle, read_manifest
from tap_live.catalogue import BUNDLES, catalogue, folders, manifests
from tap_live.commands.captioning import progress_bar
from tap_live.commands.options import Json
from tap_live.commands.warning import warn
from tap_live.errors import BundleError
from tap_live.extractors import context, gentse_network
from tap_live.extractors.full import installed_folder
from tap_live.whisper.assemble import assembled
from tap_live.whisper.sources import entry_of

models = typer.Typer(help="List, fetch and check models.", no_args_is_help=True)
FULL = {
    context.NAME: context.clapsep_bundle,
    gentse_network.NAME: gentse_network.gentse_bundle,
}
Name = Annotated[str, typer.Argument(help="As `models list` shows it, or a bundle's folder.")]


@models.command("list")
def list_models(json: Json = False) -> None:
    """List all models: those that ship, and Whisper's weights."""
    rows = catalogue()
    if json:
        typer.echo(msgspec.json.encode(rows))
        return
    table = Table("name", "kind", "licence", "MB", "state", box=None)
    for row in rows:
        table.add_row(row.name, row.kind, row.licence, f"{row.bytes / 1e6:.1f}", row.state)
    Console().print(table)


@models.command()
def pull(name: Name) -> None:
    """Fetch a Whisper model's weights and make them ready, so that a later start is offline.

    The full models are not published: how they are made is said.
    """
    if name in FULL:
        Console().print(f"{name} is ready in {FULL[name]()}", soft_wrap=True, markup=False)
        return
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
    broken = 0
    for folder in [_folder(name)] if name else folders():
        try:
            manifest = open_bundle(folder).manifest
        except BundleError as error:
            broken += 1
            warn(str(error))
        else:
            typer.echo(f"{manifest.name}: {len(manifest.files)} files as they were made")
    if broken:
        raise BundleError(f"{broken} broken: install tap-live again, or fetch what it names")


def _folder(name: str) -> Path:
    """Find a bundle by name or path. Raises: BundleError listing the names there are."""
    for path in (installed_folder(name), BUNDLES / name, BUNDLES / f"whisper-{name}", Path(name)):
        if (path / MANIFEST).is_file():
            return path
    names = ", ".join(manifest.name for manifest in manifests())
    raise BundleError(f"no bundle {name!r}: there are {names}, or give a folder")
