"""`tap-live voices`: the voices that are enrolled."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from tap_live.commands.options import Json
from tap_live.errors import ConfigError, StorageError
from tap_live.voices.store import STORED, VoiceStore

voices = typer.Typer(help="List, rename, delete and export voices.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="As `voices list` shows it.")]


class Row(msgspec.Struct, frozen=True):
    """One voice in the list; of a broken one only the name and why."""

    name: str
    clips: int = 0
    speech: float = 0.0
    snr: float | None = None  # of the noisiest clip
    made: str = ""  # the last clip
    broken: str | None = None


@voices.command("list")
def list_voices(json: Json = False) -> None:
    """List the enrolled voices and how good their clips are."""
    store = VoiceStore()
    rows = [_row(store, name) for name in store.names()]
    if json:
        typer.echo(msgspec.json.encode(rows))
        return
    if not rows:
        typer.echo("nobody is enrolled: tap-live enrol NAME")
        return
    table = Table("name", "clips", "speech", "noise", "last", box=None)
    for row in rows:
        if row.broken:
            table.add_row(row.name, "broken")
        else:
            noise = f"{row.snr:.0f} dB below"
            table.add_row(row.name, str(row.clips), f"{row.speech:.0f} s", noise, row.made)
    Console().print(table)
    for row in rows:
        if row.broken:
            typer.echo(row.broken, err=True)


@voices.command()
def rename(name: Name, to: Annotated[str, typer.Argument(help="The new name.")]) -> None:
    """Call a voice by another name."""
    VoiceStore().rename(name, to)
    typer.echo(f"{name} is now {to}")


@voices.command()
def delete(name: Name) -> None:
    """Remove a voice and all that is stored of it."""
    VoiceStore().delete(name)
    typer.echo(f"{name} is removed")


@voices.command()
def export(
    name: Name,
    to: Annotated[Path | None, typer.Argument(help="File to write, JSON.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The same, as everywhere else.")
    ] = None,
) -> None:
    """Write all that is stored of a voice to a file."""
    wanted = [path for path in (to, out) if path]
    if len(wanted) != 1:
        raise ConfigError(f"wanted one file to write, as -o {name}.json; found {len(wanted)}")
    VoiceStore().export(name, wanted[0])
    typer.echo(f"{wanted[0]}: {STORED}")


def _row(store: VoiceStore, name: str) -> Row:
    try:
        voice = store.load(name)
    except StorageError as error:
        return Row(name, broken=str(error))
    worst = min((clip.snr for clip in voice.clips), default=None)
    made = voice.clips[-1].made if voice.clips else ""
    return Row(name, len(voice.clips), round(voice.speech, 1), worst, made)
