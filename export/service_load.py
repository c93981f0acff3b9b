"""What 500 subscribers cost: extraction beside the service, beside `broadcast()`, and alone.

    python -m tap_live.export.service_load --rounds 3 --seconds 60

Each round runs three phases one after the other, so that what else the machine does falls on
all alike. In every phase a thread extracts a hop every 16 ms, and publishes ten events a second
(captions and levels in turn) on the bus. Subscribers live in a process of their own;
some never read. Reported are the time of a hop (wall clock, so with all waiting for the
interpreter's lock and for a core), the time from publishing to reading, what the service
itself takes of a core, and by how much the engine's memory grew from before the first reader.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Annotated, Literal

import numpy as np
import typer
from websockets.asyncio.server import Server, ServerConnection, broadcast, serve

from tap_live.bus import EventBus
from tap_live.errors import BundleError, NotPossibleError
from tap_live.events import AnyCommand, Caption, Hello, Level, Loudness, Word, encode
from tap_live.extraction import Extraction, Wanted
from tap_live.extractors.compact import CompactExtractor
from tap_live.extractors.computing import Computing
from tap_live.extractors.network import Network, installed
from tap_live.scheduling import ask_for_real_time, short_turns
from tap_live.service.access import Access
from tap_live.service.commands import Tell
from tap_live.service.hub import Hub
from tap_live.service.server import Service, ServiceConfig
from tap_live.soak.evidence import held_mb

HOP_S = 0.016
RATE = 48_000
EVENTS_A_SECOND = 10
FINAL_EVERY = 20  # events
SLACK_S = 8.0  # that readers stay longer, as a loaded engine takes longer


class Work:
    """A hop of extraction with the network that ships, on noise."""

    def __init__(self) -> None:
        folder = installed("voice")
        if folder is None:
            raise BundleError("wanted the bundle voice-compact, found none: see tap-live models")
        network = Network.open(folder)
        extractor = CompactExtractor({network.kind: network}, RATE)
        self._extraction = Extraction(
            extractor, [Wanted(network.any_cue())], rest_gain=0.0, rate=RATE
        )
        rng = np.random.default_rng(0)
        self._hop = rng.normal(0, 0.05, round(HOP_S * RATE)).astype(np.float32)

    def __call__(self) -> None:
        self._extraction.push(self._hop)


@dataclass
class Engine:
    """A thread that works hop by hop and publishes, as extraction does."""

    work: Work
    bus: EventBus = field(default_factory=lambda: EventBus(now=time.monotonic))
    took: list[float] = field(default_factory=list)  # seconds, a hop
    late: list[float] = field(default_factory=list)  # seconds after a hop was due, when done
    worked_s: float = 0.0  # of a core, by the thread itself
    published: int = 0

    def run(self, seconds: float) -> None:
        """Work for a while, by the clock, on a thread like that of a live stream."""
        with short_turns():
            Computing(partial(self._run, seconds), "extraction").result()

    def _run(self, seconds: float) -> None:
        ask_for_real_time()
        begin = time.monotonic()
        for hop in range(round(seconds / HOP_S)):
            due = begin + hop * HOP_S
            time.sleep(max(0.0, due - time.monotonic()))
            began = time.perf_counter()
            self.work()
            while self.published < (hop + 1) * HOP_S * EVENTS_A_SECOND:
                self.published += 1
                self._publish(self.published)
            self.took.append(time.perf_counter() - began)
            self.late.append(time.monotonic() - due)
        self.worked_s = time.thread_time()

    def hello(self) -> None:
        self.bus.publish(
            Hello(version="load", rate=48_000, bundles=(), capabilities=(), role="viewer")
        )

    def _publish(self, number: int) -> None:
        if number % 2:
            loudness = Loudness(-30.0, -20.0)
            self.bus.publish(Level(mixture=loudness, output=loudness))
            return
        words = tuple(Word(" words", n, n + 1, 0.9) for n in range(8))
        state: Literal["partial", "final"] = "partial" if number % FINAL_EVERY else "final"
        id = number // FINAL_EVERY
        self.bus.publish(Caption(id=id, revision=number, state=state, start=0, end=8, words=words))


class NoControl:
    """Nobody commands here."""

    def execute(self, command: AnyCommand, tell: Tell) -> None:
        raise NotPossibleError("this is a measurement")

    def drop(self, clip: str) -> None:
        pass

    def close(self) -> None:
        pass


@contextlib.contextmanager
def our_service(engine: Engine) -> Iterator[tuple[int, Callable[[], dict[str, object]]]]:
    """The service as it is."""
    hub = Hub()
    events = engine.bus.subscribe(1024)
    with Service(ServiceConfig(port=0), hub, Access(), events, NoControl()) as service:
        engine.hello()

        def facts() -> dict[str, object]:
            return {"cut_off": dict(hub.cut_off), "left": len(hub.sessions)}

        yield service.port, facts


@contextlib.contextmanager
def plain_broadcast(engine: Engine) -> Iterator[tuple[int, Callable[[], dict[str, object]]]]:
    """What the library's documentation shows: every event to all connections at once."""
    events = engine.bus.subscribe(1024)
    stop = asyncio.Event()
    started: Future[tuple[asyncio.AbstractEventLoop, Server]] = Future()

    async def handler(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with serve(handler, "127.0.0.1", 0, compression=None) as server:

            def send(data: bytes) -> None:
                broadcast(server.connections, data, text=True)

            def pump() -> None:
                while not stop.is_set():
                    if event := events.get(0.1):
                        loop.call_soon_threadsafe(send, encode(event))

            pumping = Thread(target=pump)
            pumping.start()
            started.set_result((loop, server))
            await stop.wait()
            await asyncio.to_thread(pumping.join)
            for connection in server.connections:
                connection.transport.abort()

    thread = Thread(target=asyncio.run, args=(main(),))
    thread.start()
    loop, server = started.result()

    def facts() -> dict[str, object]:
        return {"left": len(server.connections)}

    yield server.sockets[0].getsockname()[1], facts
    loop.call_soon_threadsafe(stop.set)
    thread.join()


@contextlib.contextmanager
def nobody(engine: Engine) -> Iterator[tuple[None, Callable[[], dict[str, object]]]]:
    """The engine alone."""
    yield None, dict


PHASES = {"alone": nobody, "service": our_service, "broadcast": plain_broadcast}


def measure(
    phase: str, work: Work, readers: int, never_read: int, seconds: float
) -> tuple[Engine, dict[str, object]]:
    """Run one phase once."""
    engine = Engine(work)
    with PHASES[phase](engine) as (port, facts):
        if port is None:
            engine.run(seconds)
            return engine, {}
        command = [sys.executable, "-m", "tap_live.export.service_readers", str(port)]
        options = {"--readers": readers, "--never-read": never_read, "--seconds": seconds + SLACK_S}
        command += [str(word) for option in options.items() for word in option]
        held = held_mb()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "connected\n"
        before = time.process_time()
        engine.run(seconds)
        share = (time.process_time() - before - engine.worked_s) / seconds
        found = facts() | {
            "published": engine.published,
            "share_of_a_core": round(share, 4),
            "grown_mb": round(held_mb() - held, 1),
        }
        result = json.loads(process.stdout.read())
        process.wait()
    return engine, result | found


def spread(values: list[float]) -> dict[str, float]:
    """Some percentiles in milliseconds."""
    points = np.percentile(values, (50, 99, 99.9)) * 1000
    return dict(zip(("p50", "p99", "p99.9"), points.round(3).tolist(), strict=True))


def main(
    rounds: Annotated[int, typer.Option()] = 3,
    seconds: Annotated[float, typer.Option(help="Of each phase.")] = 60.0,
    readers: Annotated[int, typer.Option()] = 480,
    never_read: Annotated[int, typer.Option()] = 20,
    out: Annotated[Path | None, typer.Option(help="A file for the figures, JSON.")] = None,
) -> None:
    """Measure, and print the figures."""
    work = Work()
    engines: dict[str, list[Engine]] = {phase: [] for phase in PHASES}
    results: dict[str, list[dict[str, object]]] = {phase: [] for phase in PHASES}
    for number in range(rounds):
        for phase in PHASES:
            engine, result = measure(phase, work, readers, never_read, seconds)
            engines[phase].append(engine)
            results[phase].append(result)
            typer.echo(f"round {number + 1} {phase}: {spread(engine.took)} {result}", err=True)
    figures = {
        phase: {
            "hops": sum(len(engine.took) for engine in engines[phase]),
            "work_ms": spread([took for engine in engines[phase] for took in engine.took]),
            "done_ms": spread([late for engine in engines[phase] for late in engine.late]),
            "within_a_hop": float(
                np.mean([late <= HOP_S for engine in engines[phase] for late in engine.late])
            ),
            "rounds": results[phase],
        }
        for phase in PHASES
    }
    text = json.dumps({"phases": figures}, indent=1)
    typer.echo(text)
    if out:
        out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
