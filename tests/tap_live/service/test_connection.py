import asyncio
import socket
import threading
from contextlib import contextmanager, nullcontext, suppress
from functools import partial

import pytest

from tap_live.client import connect
from tap_live.events import SendClip
from tap_live.service import connection, server
from tap_live.service.allowance import Allowance
from tap_live.service.connection import FRAME_COST, MESSAGE_COST, READ_COST
from tap_live.service.protocol import (
    MAX_MESSAGE,
    MESSAGES_A_SECOND,
    MESSAGES_AT_ONCE,
    CloseCode,
    Session,
)
from tap_live.service.site import Site

PACKET = 1400  # bytes that a network carries at once


def frame(first, data=b"", size=None):
    """A client's frame, masked with zeros; its first byte says what it is and whether it ends."""
    size = len(data) if size is None else size
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([first]) + length + bytes(4) + data


GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
PING, BEGINS, GOES_ON = frame(0x89), frame(0x01), frame(0x00)


@contextmanager
def asking(service, *parts, buffer=None):
    """A socket on which something was sent."""
    with socket.socket() as wire:
        wire.settimeout(10)
        if buffer:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        wire.connect(("127.0.0.1", service.port))
        for part in parts:
            wire.sendall(part)
        yield wire


def rest(wire):
    """Read until it is hung up on."""
    heard = b""
    with suppress(ConnectionError):
        while part := wire.recv(65536):
            heard += part
    return heard


def wait(service, seconds):
    """Wait for as long as the service waits."""
    over = threading.Event()
    service._loop.call_soon_threadsafe(service._loop.call_later, seconds, over.set)
    assert over.wait(10)


@pytest.mark.parametrize(
    "flood", [PING * 40_000, BEGINS + GOES_ON * 40_000, frame(0x8A, b"x" * 100) * 10_000]
)
def test_what_is_no_message_is_no_way_to_flood(engine, shake, caplog, flood):
    with engine.serving() as service:
        for _ in range(2):
            with shake(service) as wire:
                with suppress(ConnectionError):
                    wire.sendall(flood)
                rest(wire)
    assert engine.hub.refusals == {"flood": 2}
    assert engine.hub.cut_off == {CloseCode.FLOOD: 2}
    assert [record.getMessage()[:24] for record in caplog.records] == ["refused 127.0.0.1: flood"]


def test_too_many_messages_at_once_end_with_a_code(engine, shake):
    with engine.serving() as service, shake(service) as wire:
        wire.sendall(frame(0x81, b'{"type":"get_state","id":1}') * 200)
        assert CloseCode.FLOOD.to_bytes(2, "big") in rest(wire)
    assert engine.hub.refusals["flood"] == engine.hub.cut_off[CloseCode.FLOOD] == 1


def test_one_who_pings_and_leaves_fills_no_log(engine, shake, caplog):
    with engine.serving() as service:
        for _ in range(20):
            with shake(service) as wire:
                wire.sendall(PING * 300)
        with shake(service) as wire:  # a good one, who pings a little
            wire.sendall(frame(0x89, b"here"))
            heard = b""
            while b"\x8a\x04here" not in heard:
                part = wire.recv(1000)
                assert part
                heard += part
    assert caplog.records == []
    assert engine.hub.refusals == {}


def test_bytes_of_a_request_are_no_way_to_flood(engine):
    with engine.serving() as service, asking(service, GET) as wire:
        assert rest(wire).startswith(b"HTTP/1.1 200")
        with pytest.raises(ConnectionError):
            for _ in range(1000):
                wire.sendall(bytes(100_000))
    assert engine.hub.refusals == {"flood": 1}


def test_the_longest_messages_at_their_rate_are_no_flood_however_a_network_cuts_them():
    allowance = Allowance(MESSAGES_A_SECOND * MESSAGE_COST, MESSAGES_AT_ONCE * MESSAGE_COST, 0.0)
    cost = MAX_MESSAGE + FRAME_COST + READ_COST * (MAX_MESSAGE // PACKET + 1)
    assert all(allowance.spend(cost, 0.0) for _ in range(int(MESSAGES_AT_ONCE)))
    assert all(allowance.spend(cost, 10 + n / MESSAGES_A_SECOND) for n in range(4000))


def test_a_sender_of_clips_passes(engine, run):
    part = bytes(12_000)

    async def work(service):
        url = f"ws://127.0.0.1:{service.port}/events"
        async with connect(url, token=engine.access.control_token) as client:
            for n in range(int(MESSAGES_AT_ONCE)):
                command = SendClip(id=n, name="a.wav", part=part, offset=n * len(part), last=False)
                await client.command(command)

    with engine.serving() as service:
        run(work(service))
    assert b"".join(sent.part for sent in engine.told) == part * int(MESSAGES_AT_ONCE)
    assert engine.hub.refusals == {}


def once_each(caplog, kind, count, hub):
    """Whether a kind of refusal was counted, and logged once."""
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [f"refused 127.0.0.1: {kind} (further ones are counted, not logged)"]
    assert hub.refusals == {kind: count}
    return True


@pytest.mark.parametrize(
    ("sent", "code", "kind"),
    [
        (frame(0x81, size=MAX_MESSAGE + 1), 1009, "size"),
        (frame(0x01, b"x" * 100) + frame(0x80, size=MAX_MESSAGE), 1009, "size"),
        (frame(0x81, b"\xff"), 1007, "protocol"),
        (frame(0xF1), 1002, "protocol"),
    ],
)
def test_what_the_library_ends_is_counted_and_logged_once(engine, shake, caplog, sent, code, kind):
    with engine.serving() as service:
        for _ in range(3):
            with shake(service) as wire:
                wire.sendall(sent)
                assert code.to_bytes(2, "big") in rest(wire)
    assert once_each(caplog, kind, 3, engine.hub)
    assert engine.hub.cut_off == {code: 3}


@pytest.mark.parametrize("sent", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: localhost\r\n"])
def test_a_handshake_that_does_not_come_is_counted_and_logged_once(engine, caplog, sent):
    with engine.serving(handshake_s=0.05) as service:
        for _ in range(3):
            with asking(service, sent) as wire:
                assert rest(wire) == b""
    assert once_each(caplog, "handshake", 3, engine.hub)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"GET /" + b"x" * 20_000, b"HTTP/1.1 414"),
        (b"GET / HTTP/1.1\r\nHost: " + b"x" * 20_000 + b"\r\n", b"HTTP/1.1 431"),
        (b"GET / HTTP/1.1\r\n" + b"X-Any: y\r\n" * 200, b"HTTP/1.1 431"),
        (b"\x16\x03\x01 no HTTP\r\n", b""),
        (GET + GET, b""),
    ],
)
def test_a_request_that_is_none_is_counted_and_logged_once(engine, caplog, sent, answer):
    with engine.serving(handshake_s=0.1) as service:
        for _ in range(3):
            with asking(service, sent) as wire:
                assert rest(wire).startswith(answer)
    assert once_each(caplog, "request", 3, engine.hub)


def test_who_hangs_up_before_a_request_is_whole_is_not_refused(engine, caplog):
    with engine.serving() as service:
        for sent in (b"", b"GET / HTT"):
            with asking(service, sent):
                pass
    assert caplog.records == []
    assert engine.hub.refusals == {}


def test_a_mistake_of_ours_about_a_message_is_in_the_log(engine, shake, caplog, monkeypatch):
    def receive(session, data, now):
        raise ValueError("a mistake")

    monkeypatch.setattr(Session, "receive", receive)
    with engine.serving() as service, shake(service) as wire:
        wire.sendall(frame(0x81, b"{}"))
        assert (1011).to_bytes(2, "big") in rest(wire)
    assert "ValueError: a mistake" in caplog.text
    assert engine.hub.cut_off == {1011: 1}


def test_a_mistake_of_ours_about_a_request_is_in_the_log(engine, caplog, monkeypatch):
    def get(site, path, role):
        raise ValueError("a mistake")

    monkeypatch.setattr(Site, "get", get)
    with engine.serving() as service, asking(service, GET) as wire:
        assert rest(wire).startswith(b"HTTP/1.1 500")
    assert "ValueError: a mistake" in caplog.text


@pytest.fixture
def long_meeting(engine, run, until):
    """Captions that fill more than what systems keep on the way."""

    def say():
        for n in range(100):
            engine.say("word " * 10_000, id=n)
        run(until(lambda: engine.hub.history.finals == 100))

    return say


ASKING = b"GET /captions.txt HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("secure", [False, True])
def test_a_slow_reader_gets_a_long_meeting_whole(
    engine, long_meeting, certificate, monkeypatch, secure
):
    monkeypatch.setattr(server, "FLUSH_S", 0.05)
    server_side, over = None, nullcontext
    if secure:
        server_side = certificate[0]
        over = partial(certificate[1].wrap_socket, server_hostname="localhost")
    with engine.serving(handshake_s=0.5, certificate=server_side) as service:
        long_meeting()
        with asking(service, buffer=4096) as plain, over(plain) as wire:
            wire.sendall(ASKING)
            heard = wire.recv(1000)
            wait(service, 1.0)
            head, _, body = (heard + rest(wire)).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert len(body) > 4_000_000
    assert engine.hub.refusals == {}


def test_one_who_takes_no_answer_is_not_waited_for(
    engine, run, until, long_meeting, caplog, monkeypatch
):
    monkeypatch.setattr(connection, "REPLY_S", 0.2)
    with engine.serving() as service:
        long_meeting()
        with asking(service, ASKING, buffer=4096) as wire:
            # nothing is read until it is refused: making the answer may take over REPLY_S
            run(until(lambda: engine.hub.refusals["unread"] == 1))
            rest(wire)
    assert once_each(caplog, "unread", 1, engine.hub)


def test_an_answer_that_is_not_taken_does_not_hold_up_the_end(engine, long_meeting, monkeypatch):
    monkeypatch.setattr(server, "FLUSH_S", 0.05)
    with engine.serving() as service:
        long_meeting()
        wire = socket.create_connection(("127.0.0.1", service.port))
        wire.sendall(ASKING)
        assert wire.recv(12) == b"HTTP/1.1 200"
    wire.close()


def test_a_tls_handshake_that_does_not_come_is_not_waited_for(engine, certificate):
    config = {"handshake_s": 0.1, "certificate": certificate[0]}
    with engine.serving(**config) as service, asking(service) as wire:
        assert rest(wire) == b""


def test_one_who_has_had_its_answer_and_stays_is_hung_up_on(engine, run, until, monkeypatch):
    monkeypatch.setattr(connection, "FLUSH_S", 0.05)
    monkeypatch.setattr(server, "CHECK_S", 0.01)
    health = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with engine.serving() as service, asking(service, health) as wire:
        assert rest(wire).startswith(b"HTTP/1.1 200")
        run(until(lambda: len(service._visitors) == 0))
    assert engine.hub.refusals == {}


def test_one_who_pings_and_takes_no_answer_is_cut_off(engine, run, shake, monkeypatch, until):
    monkeypatch.setattr("tap_live.service.protocol.STALLED_S", 0.3)
    monkeypatch.setattr(connection, "FRAME_COST", 0)  # to have them all at once

    async def work(service):
        stuck = await asyncio.to_thread(shake, service)
        await asyncio.to_thread(stuck.sendall, frame(0x89, b"x" * 125) * 8_000)
        await until(lambda: engine.hub.cut_off[CloseCode.SLOW] == 1)
        stuck.close()

    with engine.serving() as service:
        run(work(service))
