"""`tap-live devices`: what can be recorded and played on, under the names that `run` takes."""

from dataclasses import asdict

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from tap_live.commands.options import Json
from tap_live.portaudio import portaudio

WIDEST = 400  # columns: names have to be typed, so a line is never cut nor folded by us


def devices(json: Json = False) -> None:
    """List microphones, monitors (what an output plays) and outputs.

    Give one to `run --input` or `--output` by name, part of a name, or number.
    """
    backend = portaudio()
    found = backend.devices()
    if json:
        rows = [asdict(device) | {"rates": backend.rates(device)} for device in found]
        typer.echo(msgspec.json.encode(rows))
        return
    if not found:
        typer.echo("there is no sound device; tap-live doctor says what is missing")
        return
    table = Table("", box=None)
    for title in ("name", "description", "kind", "channels", "Hz", "system"):
        table.add_column(title)
    for device in found:
        table.add_row(
            f"{device.index}{'*' if device.default else ''}",
            device.name,
            device.description,
            device.kind,
            str(device.channels),
            str(device.rate),
            device.host,
        )
    Console(width=WIDEST).print(table)
    typer.echo(
        "* is the default; a stream runs at the Hz of its input, unless --rate says otherwise"
    )
