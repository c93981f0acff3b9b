"""The part of `tap-live bench` that measures extraction, hop by hop."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np

from tap_live.audio.resample import StreamResampler
from tap_live.bench_hops import HopTimes, beside, time_hops
from tap_live.captions.vad import RATE
from tap_live.commands.bench_result import Result, untold
from tap_live.commands.captioning import Captioning
from tap_live.commands.warning import warn
from tap_live.extraction import Extraction, Wanted
from tap_live.extractors.compact import CompactExtractor
from tap_live.extractors.network import Network, installed
from tap_live.likeness import EVERY_S, HEARD_S, Liken
from tap_live.processor import Audio, TargetKind
from tap_live.providers import CPU, Where
from tap_live.whisper.model import Progress as Told

# ms of latency, share of a core; of one target
BUDGETS = {"voice": (32.0, 0.25), "sound": (48.0, 0.35)}
LOOKS = 20  # of a target's likeness, timed
RATES = (48_000, 44_100)  # Hz


def measure_extraction(
    folder: Path | None,
    recording: Audio,
    hops: int,
    listener: Captioning | None,
    where: Where = CPU,
    tell: Told = untold,
    targets: Sequence[int] = (1,),
) -> list[Result]:
    """Extraction at each rate, with so many targets in turn; beside captions with a listener.

    Args:
        folder: of an extractor; None: those of voices and of sounds that `run` takes.
        recording: what is heard, and captioned.
    """
    folders: dict[str, Path | None] = {kind: installed(kind) for kind in get_args(TargetKind)}
    if folder:
        folders = {"": folder}
    results = []
    for kind, found in folders.items():
        if found is None:
            warn(f"{kind}-compact is not installed: its extraction is left out")
            continue
        network = Network.open(found, where)
        for count in targets:
            results += _measure(network, count, recording, hops, listener, tell)
        results += _looks(network, recording)
    return results


def _measure(
    network: Network,
    targets: int,
    recording: Audio,
    hops: int,
    listener: Captioning | None,
    tell: Told,
) -> list[Result]:
    results = []
    for rate in RATES:
        resampler = StreamResampler(RATE, rate)
        audio = np.concatenate([resampler.push(recording), resampler.flush()])
        with ExitStack() as stack:
            if listener:
                stack.enter_context(beside(partial(_caption, listener, recording)))
            times = _hop_times(network, targets, audio, rate, hops, tell)
        how = "beside captions" if listener else "alone"
        results += _hop_results(network, targets, times, rate, how)
    return results


def _hop_times(
    network: Network, targets: int, audio: Audio, rate: int, hops: int, tell: Told
) -> HopTimes:
    extractor = CompactExtractor({network.kind: network}, rate)
    cues = [replace(network.any_cue(), name=f"anybody {n}") for n in range(targets)]
    extraction = Extraction(extractor, [Wanted(cue) for cue in cues], rest_gain=0.0, rate=rate)
    return time_hops(
        extraction,
        audio,
        rate=rate,
        hop=round(network.hop_s * rate),
        hops=hops,
        tell=lambda done: tell(f"{_named(network, targets, rate)}", done, hops),
    )


def _caption(listener: Captioning, recording: Audio) -> None:
    """Caption a part of a recording, as fast as it goes."""
    captioner = listener.make(0.0, 0)
    for start in range(0, 5 * RATE, RATE // 10):
        captioner.push(recording[start : start + RATE // 10])


def _looks(network: Network, recording: Audio) -> list[Result]:
    """What it takes to tell whether a target is there, where the network has that done."""
    liken: Liken | None = network.signs(network.any_cue()).liken
    if liken is None:
        return []
    heard = recording[: round(HEARD_S * RATE)]
    liken(heard, RATE)
    began = time.thread_time()
    for _ in range(LOOKS):
        liken(heard, RATE)
    took = (time.thread_time() - began) / LOOKS
    return [Result(f"{network.name}, whether a target is there, share of a core", took / EVERY_S)]


def _named(network: Network, targets: int, rate: int) -> str:
    many = "" if targets == 1 else f", {targets} targets"
    return f"{network.name} at {rate / 1000:g} kHz{many}"


def _hop_results(
    network: Network, targets: int, times: HopTimes, rate: int, how: str
) -> list[Result]:
    latency, share = BUDGETS[network.kind]
    return [
        Result(f"{_named(network, targets, rate)}, latency, ms", times.latency, latency),
        Result(f"  share of a core, {how}", times.share, share if targets == 1 else None),
        Result(f"  a hop is done after ms, median (p50) of {times.hops:,}", times.median),
        Result("  p99", times.p99),
        Result("  p99.9", times.p999, times.hop),
        Result("  worst", times.worst),
    ]
