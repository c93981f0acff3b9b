"""`tap-live soak`: the whole engine for hours, with faults, faster than real time."""

import tempfile
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tap_live.commands.captioning import captioning
from tap_live.commands.extracting import not_installed
from tap_live.commands.options import Json
from tap_live.commands.watch import stopped_by_signals
from tap_live.extractors.network import Network, installed
from tap_live.soak.findings import Finding
from tap_live.soak.run import soak as run_soak
from tap_live.targets import Asked

WHISPER = "tiny.en"  # the quickest: it is the engine that is tried, not the words


def soak(
    hours: Annotated[float, typer.Option(help="Length of the stream.", min=0.02)] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the meeting and its faults.", min=0)] = 0,
    whisper: Annotated[str, typer.Option(help="Whisper model, as `run` takes it.")] = WHISPER,
    json: Json = False,
) -> None:
    """Run a made-up meeting through the engine, with faults drawn from a seed.

    Microphone, models, subscribers and disk go wrong in turn; a stream that waits for the
    engine goes as fast as the machine can. Ctrl-C ends it and reports on what there was.
    Exit code 1 if a promise is broken.
    """
    seconds = hours * 3600
    ships = installed("voice")
    if ships is None:
        raise not_installed(Asked("voice", "anybody"))
    network, listener = Network.open(ships), captioning(whisper, "en")
    console = Console(stderr=True)
    with (
        tempfile.TemporaryDirectory(prefix="tap-live-soak-") as folder,
        Progress(console=console, transient=True, disable=not console.is_terminal) as bar,
    ):
        task = bar.add_task("soak", total=seconds)
        found = run_soak(
            seconds,
            seed,
            listener.make,
            network,
            Path(folder),
            lambda at: bar.update(task, completed=at),
            stopped_by_signals,
        )
    if json:
        typer.echo(msgspec.json.encode(found))
    else:
        Console().print(_table(found))
    if not all(finding.kept for finding in found):
        raise typer.Exit(1)


def _table(found: list[Finding]) -> Table:
    table = Table("what", "measured", "promise", "", box=None)
    for finding in found:
        verdict = ("kept" if finding.kept else "BROKEN") if finding.promise else ""
        table.add_row(finding.what, finding.measured, finding.promise, verdict)
    return table
