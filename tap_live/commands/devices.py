"""`tap-live devices`: what can be recorded and played on, under the names that `run` takes."""

from dataclasses import asdict

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from tap_live.commands.options import Json
from tap_live.portaudio import portaudio


def devices(json: Json = False) -> None:
    """List microphones, monitors (what an output plays) and outputs.

    Give one to `run --input` or `--output` by name, part of a name, or number.
    """
    backend = portaudio()
    found = [(device, backend.rates(device)) for device in backend.devices()]
    if json:
        rows = [asdict(device) | {"rates": rates} for device, rates in found]
        typer.echo(msgspec.json.encode(rows))
        return
    if not found:
        typer.echo("there is no sound device; tap-live doctor says what is missing")
        return
    table = Table("", box=None)
    table.add_column("name", overflow="fold")  # has to be typed: never cut
    for title in ("description", "kind", "channels", "Hz", "system"):
        table.add_column(title)
    for device, _ in found:
        table.add_row(
            f"{device.index}{'*' if device.default else ''}",
            device.name,
            device.description,
            device.kind,
            str(device.channels),
            str(device.rate),
            device.host,
        )
    Console().print(table)
    typer.echo("* is the default")
