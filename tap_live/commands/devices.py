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
    table = Table("", "name", "description", "kind", "channels", "rates in Hz", "system", box=None)
    for device, rates in found:
        table.add_row(
            f"{device.index}{'*' if device.default else ''}",
            device.name,
            device.description,
            device.kind,
            str(device.channels),
            _rates(device.rate, rates),
            device.host,
        )
    Console().print(table)
    typer.echo("* is the default")


def _rates(own: int, rates: tuple[int, ...]) -> str:
    if len(rates) > 1:
        return f"{own} (also {rates[0]} to {rates[-1]})"
    return str(own)
