"""Run the whole engine through a meeting with faults."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

from tap_live.captions.stream import MakeCaptioner
from tap_live.extractors.network import Network
from tap_live.live import Live
from tap_live.parts import Parts
from tap_live.service.access import Access
from tap_live.service.control import LiveControl
from tap_live.service.history import History
from tap_live.service.hub import Hub
from tap_live.service.mixing import LiveMix
from tap_live.service.server import Service, ServiceConfig
from tap_live.service.tap import AudioTap
from tap_live.soak.evidence import Evidence
from tap_live.soak.faults import plan
from tap_live.soak.findings import Finding, Streamed, findings
from tap_live.soak.meeting import Meeting
from tap_live.soak.models import Orders, extraction, unreliable
from tap_live.soak.room import RoomSource
from tap_live.soak.trouble import Stage, Trouble
from tap_live.soak.visitors import GoodReader, Strangers

EVENTS = 1024  # that may wait for the service
FINALS = 200  # that it holds: as many within minutes, so what grows later is a leak


def soak(
    seconds: float,
    seed: int,
    make_captioner: MakeCaptioner,
    network: Network,
    folder: Path,
    progress: Callable[[float], None] = lambda at: None,
    inside: Callable[[Live], AbstractContextManager[None]] = lambda live: nullcontext(),
) -> list[Finding]:
    """Run a stream of so many seconds, and compare what happened with what is promised.

    Args:
        network: what extracts.
        folder: for the recordings, some 350 MB an hour.
        progress: told the stream's seconds.
        inside: entered while the stream runs, which it may stop.
    """
    began = time.monotonic()
    meeting, evidence = Meeting(seed), Evidence(folder / "finals.jsonl")
    source = RoomSource(meeting)
    captioner, extractor = Orders(), Orders()
    live = Live(
        Parts(
            source=source,
            make_extraction=partial(extraction, network, extractor),
            make_captioner=unreliable(make_captioner, captioner),
            record=folder / "whole",
            seconds=seconds,
        )
    )
    source.given = lambda: round(live.at * live.rate)
    hub, tap = Hub(History(FINALS)), AudioTap()
    live.tap(tap.push)
    control = LiveControl(live, LiveMix(live), record=folder / "whole", folder=folder)
    faults = plan(seed, seconds)
    service = Service(
        ServiceConfig(port=0),
        hub,
        Access(),
        live.subscribe(EVENTS),
        control,
        tap,
        control.show_spectra,
    )
    with evidence.watching():
        with service, GoodReader(service.port) as reader:
            strangers = Strangers(service.port, seed)
            stage = Stage(source, live, captioner, extractor, reader, strangers, folder)
            trouble = Trouble(faults, stage)
            source.act = trouble.act
            with inside(live), live:
                for event in live.events:
                    evidence.take(event)
                    progress(event.at)
            strangers.leave()
        captioner.released.set()
        extractor.released.set()
    streamed = Streamed(
        seed=seed,
        seconds=live.at,
        wall_s=time.monotonic() - began,
        faults=[fault for fault in faults if fault.start < live.at],
        turns=meeting.turns,
        delivered=source.delivered,
        read=reader.finals,
        whole=folder / "whole",
        parts=trouble.recordings,
    )
    return findings(streamed, evidence, trouble.errors)
