"""Measure extraction hop by hop, as it runs live: how late it is, and what it takes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

import numpy as np

from tap_live.extraction import Extraction
from tap_live.processor import Audio

WARM_UP = 100  # hops
TELL = 500  # hops


@dataclass(frozen=True, kw_only=True)
class HopTimes:
    """One stage over many hops; milliseconds."""

    hops: int
    hop: float  # its length
    latency: float  # the algorithm's own: window and lookahead
    share: float  # CPU time over audio time: of one core
    median: float  # from a hop's last sample until its result, likewise below
    p99: float
    p999: float
    worst: float


def time_hops(
    extraction: Extraction,
    audio: Audio,
    *,
    rate: int,
    hop: int,
    hops: int,
    now: Callable[[], float] = time.perf_counter,
    cpu: Callable[[], float] = time.thread_time,
    tell: Callable[[int], object] = lambda done: None,
) -> HopTimes:
    """Push (T,) audio again and again, one hop of `hop` samples at a time."""
    starts = np.arange(WARM_UP + hops) * hop % max(1, len(audio) - hop)
    for start in starts[:WARM_UP]:
        extraction.push(audio[start : start + hop])
    times = np.empty(hops)
    spent = cpu()
    for number, start in enumerate(starts[WARM_UP:]):
        began = now()
        extraction.push(audio[start : start + hop])
        times[number] = now() - began
        if number % TELL == TELL - 1:
            tell(number + 1)
    spent = cpu() - spent
    median, p99, p999 = 1000 * np.percentile(times, [50, 99, 99.9])
    return HopTimes(
        hops=hops,
        hop=1000 * hop / rate,
        latency=1000 * extraction.lookahead / rate,
        share=spent / (hops * hop / rate),
        median=float(median),
        p99=float(p99),
        p999=float(p999),
        worst=float(1000 * times.max()),
    )


@contextmanager
def beside(work: Callable[[], object]) -> Iterator[None]:
    """Do some work over and over on another thread, as fast as it goes."""
    over = Event()

    def repeat() -> None:
        while not over.is_set():
            work()

    thread = Thread(target=repeat, name="beside")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
