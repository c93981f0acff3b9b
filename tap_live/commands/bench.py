"""`tap-live bench`: does this machine keep up, and how does it compare."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from tap_live.audio.files import read_audio
from tap_live.audio.resample import StreamResampler
from tap_live.bench import memory_mb, repeated
from tap_live.bench_graphs import ENOUGH, STEPS, TURN_S, TURNS
from tap_live.captions.vad import RATE
from tap_live.commands.bench_captions import LANGUAGE, check_peer, compare, measure_captions
from tap_live.commands.bench_extraction import measure_extraction
from tap_live.commands.bench_models import measure_models, remarks, table_of
from tap_live.commands.bench_panel import measure_panel
from tap_live.commands.bench_plot import write_plot
from tap_live.commands.bench_result import Result
from tap_live.commands.captioning import captioning, progress_bar
from tap_live.commands.demo import BUNDLE
from tap_live.commands.options import DEFAULT_WHISPER, Device, Json, Strict, Whisper
from tap_live.commands.placing import say_devices, where_of
from tap_live.errors import ConfigError
from tap_live.processor import Audio
from tap_live.providers import Where
from tap_live.targets import MOST
from tap_live.whisper.model import Progress as Told

Part = Literal["captions", "extraction", "panel"]
PANEL_S = 20.0
TARGETS = (1, 3)  # at once


def bench(
    whisper: Whisper = None,
    seconds: Annotated[
        float, typer.Option(help="Length of the stream; the demo's recording, repeated.", min=20)
    ] = 100.0,
    audio: Annotated[Path | None, typer.Option(help="Another recording, of clear speech.")] = None,
    peer: Annotated[
        str | None,
        typer.Option(
            help="Compare in the same run: captions with `faster-whisper`, with --model a network "
            "with `pytorch`."
        ),
    ] = None,
    runs: Annotated[int, typer.Option(help="Runs of a comparison.", min=1)] = 3,
    only: Annotated[
        Part | None,
        typer.Option(help="Measure one part alone. [default: all, extraction beside captions]"),
    ] = None,
    beside_captions: Annotated[
        bool,
        typer.Option(
            "--beside-captions", help="With --only extraction: while captions run, as in a stream."
        ),
    ] = False,
    hops: Annotated[int, typer.Option(help="Hops of extraction, each rate.", min=1000)] = 60_000,
    extractor: Annotated[
        Path | None,
        typer.Option(help="Folder of an extractor. [default: those that `run` takes, both kinds]"),
    ] = None,
    targets: Annotated[
        list[int] | None,
        typer.Option(
            help=f"Targets at once, up to {MOST}; repeatable, each is measured. [default: 1, 3]",
            min=1,
            max=MOST,
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Measure a network alone instead: `shipped`, a bundle's name in `models list`, or "
            "the folder of an export (of a Whisper, its weights too). Repeatable."
        ),
    ] = None,
    steps: Annotated[
        int,
        typer.Option(
            help=f"With --model: steps of a turn, {TURNS} turns; a turn ends after {TURN_S:g} s. "
            f"The slowest hundredth (p99) is told of {ENOUGH} steps and more.",
            min=2,
        ),
    ] = STEPS,
    plot: Annotated[
        Path | None, typer.Option(help="With --model: write an SVG of what batches bring.")
    ] = None,
    device: Device = None,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Measure captions, extraction and the panel against real time, and captions against a peer.

    Extraction takes most of the time: `--hops` makes it shorter. Each part is told when it is done.
    `--only extraction --beside-captions` is extraction as in a run with captions, and nothing else.
    With --model: latency, throughput, memory and batches of a network's graphs, optimised and not.
    Exit code 1 if a budget is not kept.
    """
    where = where_of(device, strict)
    if model:
        _bench_models(model, where, peer, steps, plot, json)
        return
    if plot or peer == "pytorch":
        raise ConfigError("--plot and --peer pytorch are for networks: add --model")
    if peer is not None:
        check_peer(peer)
    name = whisper or DEFAULT_WHISPER
    recording = _recording(audio)
    found = _Findings(json)
    listened = only in (None, "captions") or beside_captions
    heard = captioning(name, LANGUAGE, where=where) if listened else None
    listener = heard if only in (None, "captions") else None
    if heard:
        say_devices(device, heard.devices)
    if listener:
        stream = repeated(recording, seconds)
        found.part("captions", lambda tell: measure_captions(listener, stream, tell))
    if only in (None, "extraction"):
        found.part(
            "extraction",
            lambda tell: measure_extraction(
                extractor, recording, hops, heard, where, tell, targets or TARGETS
            ),
        )
    if only in (None, "panel"):
        found.part("the panel", lambda tell: measure_panel(PANEL_S))
    if peer is not None:
        found.part(peer, lambda tell: [compare(name, recording, runs, tell)])
    if json:
        typer.echo(msgspec.json.encode(found.results))
    if not all(result.kept for result in found.results):
        raise typer.Exit(1)


class _Findings:
    """What was measured so far; each part is printed when it is done."""

    def __init__(self, json: bool) -> None:
        self.results: list[Result] = []
        self._json = json

    def part(self, name: str, measure: Callable[[Told], list[Result]]) -> None:
        """Measure a part with a progress bar."""
        if not self._json:
            Console(stderr=True).print(f"measuring {name} …", style="dim", markup=False)
        with progress_bar(updates=1) as tell:  # a second: to draw takes time of what is measured
            found = measure(tell)
        self.results += found
        if found and not self._json:
            Console().print(_table(found))


def _bench_models(
    names: list[str], where: Where, peer: str | None, steps: int, plot: Path | None, json: bool
) -> None:
    measured = measure_models(names, where, peer, steps)
    if plot:
        write_plot(plot, measured.figures)
    memory = memory_mb()
    if json:
        typer.echo(msgspec.json.encode(msgspec.structs.asdict(measured) | {"memory_mb": memory}))
        return
    console = Console()
    console.print(table_of(measured))
    for remark in remarks(measured):
        console.print(remark, soft_wrap=True, markup=False)
    if memory is not None:
        console.print(f"memory of this process, at most: {memory:.0f} MB")


def _recording(path: Path | None) -> Audio:
    samples, rate = read_audio(path or BUNDLE / "conversation.ogg", lambda warning: None)
    resampler = StreamResampler(rate, RATE)
    return np.concatenate([resampler.push(samples), resampler.flush()])


def _table(results: list[Result]) -> Table:
    table = Table("what", "measured", "budget", "", box=None)
    for result in results:
        budget = "" if result.budget is None else f"{result.budget:g}"
        verdict = "" if result.budget is None else ("kept" if result.kept else "NOT KEPT")
        table.add_row(result.what, f"{result.value:.3g}", budget, verdict)
    return table
