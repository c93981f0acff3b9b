"""The part of `tap-live bench` that measures extraction, hop by hop."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path

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
from tap_live.processor import Audio
from tap_live.providers import CPU, Where
from tap_live.whisper.model import Progress as Told

BUDGETS = {"voice": (32.0, 0.25), "sound": (48.0, 0.35)}  # ms of latency, share of a core
RATES = (48_000, 44_100)  # Hz


def measure_extraction(
    folder: Path | None,
    recording: Audio,
    hops: int,
    listener: Captioning | None,
    where: Where = CPU,
    tell: Told = untold,
) -> list[Result]:
    """Extraction at each rate; beside captions of the same recording if there is a listener."""
    folder = folder or installed("voice")
    if folder is None:
        warn("voice-compact is not installed: extraction is left out")
        return []
    network = Network.open(folder, where)
    results = []
    for rate in RATES:
        resampler = StreamResampler(RATE, rate)
        audio = np.concatenate([resampler.push(recording), resampler.flush()])
        with ExitStack() as stack:
            if listener:
                stack.enter_context(beside(partial(_caption, listener, recording)))
            times = _hop_times(network, audio, rate, hops, tell)
        results += _hop_results(network, times, rate, "beside captions" if listener else "alone")
    return results


def _hop_times(network: Network, audio: Audio, rate: int, hops: int, tell: Told) -> HopTimes:
    extractor = CompactExtractor({network.kind: network}, rate)
    extraction = Extraction(extractor, [Wanted(network.any_cue())], rest_gain=0.0, rate=rate)
    return time_hops(
        extraction,
        audio,
        rate=rate,
        hop=round(network.hop_s * rate),
        hops=hops,
        tell=lambda done: tell(f"extraction at {rate / 1000:g} kHz", done, hops),
    )


def _caption(listener: Captioning, recording: Audio) -> None:
    """Caption a part of a recording, as fast as it goes."""
    captioner = listener.make(0.0, 0)
    for start in range(0, 5 * RATE, RATE // 10):
        captioner.push(recording[start : start + RATE // 10])


def _hop_results(network: Network, times: HopTimes, rate: int, how: str) -> list[Result]:
    latency, share = BUDGETS[network.kind]
    return [
        Result(f"{network.name} at {rate / 1000:g} kHz, latency, ms", times.latency, latency),
        Result(f"  share of a core, {how}", times.share, share),
        Result(f"  a hop is done after ms, median of {times.hops:,}", times.median),
        Result("  99 %", times.p99),
        Result("  99.9 %", times.p999, times.hop),
        Result("  worst", times.worst),
    ]
