"""`tap-live bench`: does this machine keep up, and how does it compare."""

import os
import shutil
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from tap_live.audio.files import read_audio
from tap_live.audio.resample import StreamResampler
from tap_live.bench import Streamed, faster_whisper, ratios, repeated, stream
from tap_live.bench_hops import HopTimes, beside, time_hops
from tap_live.captions.vad import RATE
from tap_live.commands.captioning import Captioning, captioning, load_whisper
from tap_live.commands.demo import BUNDLE
from tap_live.commands.options import DEFAULT_WHISPER, Json, Whisper
from tap_live.errors import ConfigError
from tap_live.events import Word
from tap_live.extraction import Extraction, Wanted
from tap_live.extractors.compact import CompactExtractor
from tap_live.extractors.network import Network, installed
from tap_live.processor import Audio
from tap_live.targets import EmbeddedCue
from tap_live.whisper.batch import BatchOptions, transcribe
from tap_live.whisper.decoding import DecodingOptions
from tap_live.whisper.sources import index, local

BUDGETS = {"share": 0.5, "partial": 1.0, "final": 2.0, "memory": 900.0}
EXTRACTION = {"voice": (32.0, 0.25), "sound": (48.0, 0.35)}  # ms of latency, share of a core
RATES = (48_000, 44_100)  # Hz, at which extraction is measured
LANGUAGE = "en"  # the demo's

Part = Literal["captions", "extraction"]


class Result(msgspec.Struct, frozen=True):
    """What was measured of one thing, and what it should be."""

    what: str
    value: float
    budget: float | None = None

    @property
    def kept(self) -> bool:
        return self.budget is None or self.value <= self.budget


def bench(
    whisper: Whisper = None,
    seconds: Annotated[
        float, typer.Option(help="Length of the stream; the demo's recording, repeated.", min=20)
    ] = 100.0,
    audio: Annotated[Path | None, typer.Option(help="Another recording, of clear speech.")] = None,
    peer: Annotated[
        str | None,
        typer.Option(help="Compare with faster-whisper in the same run: the only peer so far."),
    ] = None,
    runs: Annotated[int, typer.Option(help="Runs of a comparison.", min=1)] = 3,
    only: Annotated[
        Part | None,
        typer.Option(help="Measure one part alone. [default: both, extraction beside captions]"),
    ] = None,
    hops: Annotated[int, typer.Option(help="Hops of extraction, each rate.", min=1000)] = 60_000,
    extractor: Annotated[
        Path | None, typer.Option(help="Folder of an extractor. [default: voice-compact]")
    ] = None,
    json: Json = False,
) -> None:
    """Measure extraction and captions against real time and, when asked, against a peer.

    Exit code 1 if a budget is not kept.
    """
    name = whisper or DEFAULT_WHISPER
    recording = _recording(audio)
    results = []
    if only != "extraction":
        results += _streaming(name, repeated(recording, seconds))
    if only != "captions":
        results += _extraction(extractor, recording, hops, None if only else name)
    if peer is not None:
        results.append(_compared(name, recording, peer, runs))
    if json:
        typer.echo(msgspec.json.encode(results))
    else:
        Console().print(_table(results))
    if not all(result.kept for result in results):
        raise typer.Exit(1)


def _recording(path: Path | None) -> Audio:
    samples, rate = read_audio(path or BUNDLE / "conversation.ogg", lambda warning: None)
    resampler = StreamResampler(rate, RATE)
    return np.concatenate([resampler.push(samples), resampler.flush()])


def _streaming(name: str, audio: Audio) -> list[Result]:
    listener = captioning(name, LANGUAGE)
    segments = transcribe(listener.model, audio, _greedy())
    reference: list[Word] = [word for segment in segments for word in segment.words]
    figures = stream(audio, listener.make(0.0, 0), reference, os.cpu_count() or 1)
    return [*_shares(figures), *_delays(figures)]


def _extraction(
    folder: Path | None, recording: Audio, hops: int, whisper: str | None
) -> list[Result]:
    """Extraction at each rate; beside captions of the same recording if a model is named."""
    folder = folder or installed("voice")
    if folder is None:
        typer.echo("tap-live: voice-compact is not installed: extraction is left out", err=True)
        return []
    network = Network.open(folder)
    listener = captioning(whisper, LANGUAGE) if whisper else None
    results = []
    for rate in RATES:
        resampler = StreamResampler(RATE, rate)
        audio = np.concatenate([resampler.push(recording), resampler.flush()])
        with ExitStack() as stack:
            if listener:
                stack.enter_context(beside(partial(_caption, listener, recording)))
            times = _hop_times(network, audio, rate, hops)
        results += _hop_results(network, times, rate, "beside captions" if listener else "alone")
    return results


def _hop_times(network: Network, audio: Audio, rate: int, hops: int) -> HopTimes:
    cue = EmbeddedCue("voice:bench", network.kind, network.any_cue(), np.zeros(0, np.float32))
    extractor = CompactExtractor({network.kind: network}, rate)
    extraction = Extraction(extractor, [Wanted(cue)], rest_gain=0.0, rate=rate)
    return time_hops(extraction, audio, rate=rate, hop=round(network.hop_s * rate), hops=hops)


def _caption(listener: Captioning, recording: Audio) -> None:
    """Caption a part of a recording, as fast as it goes."""
    captioner = listener.make(0.0, 0)
    for start in range(0, 5 * RATE, RATE // 10):
        captioner.push(recording[start : start + RATE // 10])


def _hop_results(network: Network, times: HopTimes, rate: int, how: str) -> list[Result]:
    latency, share = EXTRACTION[network.kind]
    return [
        Result(f"{network.name} at {rate / 1000:g} kHz, latency, ms", times.latency, latency),
        Result(f"  share of a core, {how}", times.share, share),
        Result(f"  a hop is done after ms, median of {times.hops:,}", times.median),
        Result("  99 %", times.p99),
        Result("  99.9 %", times.p999, times.hop),
        Result("  worst", times.worst),
    ]


def _greedy() -> BatchOptions:
    return BatchOptions(decoding=DecodingOptions(language=LANGUAGE), follow_text=False)


def _shares(figures: Streamed) -> list[Result]:
    cores = figures.cores
    results = [
        Result(f"captions, share of {cores} cores", figures.share, BUDGETS["share"]),
        Result("  in the first third", figures.first),
        Result("  in the last third", figures.last),
    ]
    if figures.memory_mb is not None:
        results.append(Result("memory, MB", figures.memory_mb, BUDGETS["memory"]))
    return results


def _delays(figures: Streamed) -> list[Result]:
    results = []
    for what, spread in (("partial", figures.partial), ("final", figures.final)):
        if spread is not None:
            results += [
                Result(f"a word is {what} after s, median", spread.median, BUDGETS[what]),
                Result("  90th percentile", spread.p90),
                Result("  worst", spread.worst),
            ]
    return results


def _compared(name: str, audio: Audio, peer: str, runs: int) -> Result:
    """Batch, greedy, full context, word times, one thread: how many times as fast we are."""
    if peer != "faster-whisper":
        raise ConfigError(f"wanted the peer faster-whisper, found {peer!r}")
    ours = load_whisper(name)
    with tempfile.TemporaryDirectory() as folder:
        theirs = faster_whisper(str(_peer_folder(name, Path(folder))), threads=1)
        measured = ratios(
            lambda: list(transcribe(ours, audio, _greedy())), lambda: theirs(audio), runs
        )
    return Result(f"speed over {peer}, median of {runs}", float(np.median(measured)))


def _peer_folder(name: str, folder: Path) -> Path:
    """Lay out a CTranslate2 folder as the peer wants it.

    Raises: ConfigError if the weights are not on this machine.
    """
    if name not in index():
        return Path(name)
    found = next(local(index()[name]), None)
    if found is None:
        raise ConfigError(f"no weights of {name} on this machine to compare with")
    for part in found.parts:
        for file in part.parent.glob("*.*"):
            if file.suffix in (".json", ".txt"):
                shutil.copy(file, folder)
    shutil.copy(found.join(folder), folder / "model.bin")
    return folder


def _table(results: list[Result]) -> Table:
    table = Table("what", "measured", "budget", "", box=None)
    for result in results:
        budget = "" if result.budget is None else f"{result.budget:g}"
        verdict = "" if result.budget is None else ("kept" if result.kept else "NOT KEPT")
        table.add_row(result.what, f"{result.value:.3g}", budget, verdict)
    return table
