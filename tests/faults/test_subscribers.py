"""Whatever subscribers do, the stream loses nothing and the others get everything.

Each fault happens to a real stream with a recording, which is followed by one good reader.
"""

import asyncio
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress

import numpy as np
import pytest
import soundfile
from harness import Chatter, until

from tap_live.client import follow
from tap_live.events import Caption, Failed, Stats, Warned
from tap_live.live import Live
from tap_live.parts import Parts
from tap_live.service.access import Access
from tap_live.service.control import LiveControl
from tap_live.service.hub import Hub
from tap_live.service.mixing import LiveMix
from tap_live.service.protocol import CloseCode
from tap_live.service.server import Service, ServiceConfig
from tap_live.service.tap import AudioTap
from tap_live.sources.file import FileSource

pytestmark = pytest.mark.slow

RATE = 16_000
SECONDS = 6
AUDIO = np.random.default_rng(0).uniform(-0.5, 0.5, SECONDS * RATE).astype(np.float32)


GREETING = (
    b"GET /events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
EVERYTHING = (
    '{"type":"subscribe","id":1,"after":0,"channels":["level","caption",'
    '"audio:mixture:f32","audio:output:f32","audio:rest:f32"]}'
)
SMALL = 4096  # bytes


class Run:
    """What came of a stream."""


@contextmanager
def stream(tmp_path, **config):
    """Run a stream with a good reader; afterwards check that nothing was lost."""
    soundfile.write(tmp_path / "in.wav", AUDIO, RATE, "FLOAT")
    live = Live(
        Parts(
            source=FileSource(tmp_path / "in.wav", paced=True),
            make_captioner=Chatter,
            record=tmp_path / "kept",
        )
    )
    run = Run()
    run.live = live
    run.hub, run.access, tap = Hub(), Access(), AudioTap()
    live.tap(tap.push)
    control = LiveControl(live, LiveMix(live), record=tmp_path / "kept")
    heard = []
    service = Service(
        ServiceConfig(port=0, **config), run.hub, run.access, live.subscribe(1024), control, tap
    )
    with service:
        run.port = service.port
        reader = threading.Thread(target=asyncio.run, args=(good_reader(service.port, heard),))
        reader.start()
        until(lambda: run.hub.joined == 1)
        with live:
            yield run
            events = list(live.events)
    reader.join()
    assert [e for e in events if isinstance(e, (Warned, Failed))] == []
    assert [e for e in events if isinstance(e, Stats)][-1].lost == 0
    kept = soundfile.read(tmp_path / "kept" / "mixture.wav", dtype="float32")[0]
    np.testing.assert_allclose(kept, AUDIO, atol=2**-23)
    said = [e.words[0].text for e in events if isinstance(e, Caption) and e.state == "final"]
    assert heard == said
    assert len(said) >= 10 * SECONDS - 2


async def good_reader(port, heard):
    async for event in follow(f"ws://127.0.0.1:{port}/events"):
        if isinstance(event, Caption) and event.state == "final":
            heard.append(event.words[0].text)


def subscriber(port, buffer=None):
    """A socket that has shaken hands, and for which the system keeps so many bytes."""
    wire = socket.socket()
    wire.settimeout(5)
    if buffer:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    wire.connect(("127.0.0.1", port))
    wire.sendall(GREETING)
    assert wire.recv(12) == b"HTTP/1.1 101"
    return wire


def text(message):
    """A client's frame, masked with zeros."""
    data = message.encode()
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return b"\x81" + size + bytes(4) + data


@pytest.fixture
def impatient(monkeypatch):
    """Who is behind and takes nothing is cut off after 1 s, not after 10: streams are short."""
    monkeypatch.setattr("tap_live.service.protocol.STALLED_S", 1.0)


def closing(hub):
    """The sessions that are being cut off."""
    return [session for session in tuple(hub.sessions) if session.closing]


def test_some_who_never_read_and_ask_for_everything_are_cut_off(tmp_path, impatient):
    waiting = []  # messages

    def all_are_cut_off():
        waiting.extend(len(session.outbox) for session in tuple(run.hub.sessions))
        return len(closing(run.hub)) == 20

    with stream(tmp_path) as run:
        wires = [subscriber(run.port, SMALL) for _ in range(20)]
        for wire in wires:
            wire.sendall(text(EVERYTHING))
        until(all_are_cut_off)
        assert run.live.going
        until(lambda: run.hub.cut_off == {CloseCode.SLOW: 20})
    assert 100 < max(waiting) <= 257
    for wire in wires:
        wire.close()


def test_one_who_reads_a_byte_a_second_is_cut_off(tmp_path, impatient):
    with stream(tmp_path) as run, subscriber(run.port, SMALL) as wire:
        wire.sendall(text(EVERYTHING))
        with suppress(ConnectionError):  # once it is hung up on
            for second in range(1, SECONDS - 1):
                until(lambda second=second: run.live.at >= second)
                wire.recv(1)
        until(lambda: run.hub.cut_off == {CloseCode.SLOW: 1})
        assert run.live.going


def test_some_send_garbage(tmp_path):
    rng = np.random.default_rng(1)
    with stream(tmp_path) as run:
        for size in range(1, 400, 5):
            with socket.create_connection(("127.0.0.1", run.port)) as wire:
                wire.sendall(rng.bytes(size))
            with subscriber(run.port) as wire:
                wire.sendall(rng.bytes(size))
            with subscriber(run.port) as wire:
                wire.sendall(text("{" * size))


def test_some_flood(tmp_path):
    flood = text('{"type":"get_state","id":1}') * 200
    with stream(tmp_path) as run:
        wires = [subscriber(run.port) for _ in range(20)]
        for wire in wires:
            wire.sendall(flood)
        for wire in wires:
            while wire.recv(65536):  # until it is hung up on
                pass
            wire.close()
    assert run.hub.cut_off[4002] == run.hub.refusals["flood"] == 20


def test_some_leave_in_the_middle_of_a_frame(tmp_path):
    with stream(tmp_path) as run:
        for cut in (1, 2, 5, 6, 7, 20) * 10:
            with subscriber(run.port) as wire:
                wire.sendall(text('{"type":"subscribe","id":1,"channels":[]}')[:cut])
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0] + [0] * 4))


CROWD = f"""
import socket, sys
wires = []
for _ in range(1000):
    wires.append(socket.create_connection(("127.0.0.1", int(sys.argv[1]))))
    try:
        wires[-1].sendall({GREETING!r})
    except OSError:  # hung up on already
        pass
sys.stdin.read()
"""


def test_a_thousand_come_and_those_beyond_the_limit_that_ships_are_turned_away(tmp_path):
    most = ServiceConfig().connections
    with stream(tmp_path) as run:
        process = subprocess.Popen(
            [sys.executable, "-c", CROWD, str(run.port)], stdin=subprocess.PIPE
        )
        until(lambda: run.hub.refusals["connections"] >= 1000 - most)
        assert len(run.hub.sessions) <= most
    process.communicate()
    assert run.hub.joined <= most + 1  # the good reader leaves at the end, and one takes its place
