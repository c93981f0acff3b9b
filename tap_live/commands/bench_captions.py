"""The part of `tap-live bench` that measures captions: against real time, and a peer."""

import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from tap_live.bench import Streamed, faster_whisper, ratios, stream
from tap_live.captions.vad import RATE
from tap_live.commands.bench_result import Result, untold
from tap_live.commands.captioning import Captioning, load_whisper
from tap_live.errors import BundleError, ConfigError, RuntimeMissingError
from tap_live.events import Word
from tap_live.processor import Audio
from tap_live.whisper.batch import BatchOptions, transcribe
from tap_live.whisper.decoding import DecodingOptions
from tap_live.whisper.model import Progress as Told
from tap_live.whisper.sources import index, local

BUDGETS = {"share": 0.5, "partial": 1.0, "final": 2.0, "memory": 900.0}
LANGUAGE = "en"  # the demo's
PEER = "faster-whisper"


def measure_captions(listener: Captioning, audio: Audio, tell: Told = untold) -> list[Result]:
    reference: list[Word] = []
    for segment in transcribe(listener.model, audio, _greedy()):
        reference += segment.words
        tell("the words, in batches", round(segment.end * RATE), len(audio))
    tell("the words, in batches", len(audio), len(audio))
    figures = stream(
        audio,
        listener.make(0.0, 0),
        reference,
        os.cpu_count() or 1,
        lambda done: tell("captions, as a stream", done, len(audio)),
    )
    return [*_shares(figures), *_delays(figures)]


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


def check_peer(peer: str) -> None:
    """Raises: ConfigError if captions have no such peer; RuntimeMissingError if it is not here."""
    if peer != PEER:
        raise ConfigError(f"wanted the peer {PEER}, found {peer!r}")
    if find_spec("faster_whisper") is None:
        raise RuntimeMissingError(f"the peer is not installed: `pip install {PEER}`")


def compare(name: str, audio: Audio, runs: int, tell: Told = untold) -> Result:
    """Batch, greedy, full context, word times, one thread: how many times as fast we are."""
    ours = load_whisper(name)
    with tempfile.TemporaryDirectory() as folder:
        theirs = faster_whisper(str(_peer_folder(name, Path(folder))), threads=1)
        measured = ratios(
            lambda: list(transcribe(ours, audio, _greedy())),
            lambda: theirs(audio),
            runs,
            lambda done: tell(f"runs beside {PEER}", done, runs),
        )
    return Result(f"speed over {PEER}, median of {runs}", float(np.median(measured)))


def _peer_folder(name: str, folder: Path) -> Path:
    """Lay out a CTranslate2 folder as the peer wants it.

    Raises: BundleError if the weights are not on this machine.
    """
    if name not in index():
        return Path(name)
    found = next(local(index()[name]), None)
    if found is None:
        raise BundleError(f"no weights of {name} on this machine to compare with")
    for part in found.parts:
        for file in part.parent.glob("*.*"):
            if file.suffix in (".json", ".txt"):
                shutil.copy(file, folder)
    shutil.copy(found.join(folder), folder / "model.bin")
    return folder
