import asyncio
import json
import logging
import socket
import threading
from contextlib import asynccontextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from tap_live.client import connect
from tap_live.errors import AddressError, CommandError, VoiceError
from tap_live.events import (
    Bye,
    Cancel,
    Caption,
    Enrol,
    Hello,
    Level,
    Mute,
    Progress,
    SendClip,
    Spectrum,
    decode_event,
)
from tap_live.extraction import Mixed
from tap_live.service import connection as connection_module
from tap_live.service.audio_frames import AudioFrame
from tap_live.service.protocol import CloseCode


def url(service):
    return f"ws://127.0.0.1:{service.port}/events"


@asynccontextmanager
async def greeted(service, **options):
    async with connect(url(service), **options) as client:
        hello = await anext(client)
        assert isinstance(hello, Hello)
        client.hello = hello
        yield client


def raw(service, *lines, wait=5.0):
    """Send HTTP lines as they are; return all that comes back."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=wait) as wire:
        wire.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        answer = b""
        while part := wire.recv(65536):
            answer += part
    return answer.decode("utf-8", "replace")


def get(service, path="/", *headers, host=None):
    host = host or f"127.0.0.1:{service.port}"
    answer = raw(service, f"GET {path} HTTP/1.1", f"Host: {host}", *headers)
    head, _, body = answer.partition("\r\n\r\n")
    status = int(head.split(" ")[1]) if head else None
    return status, head, body


@pytest.fixture
def strange(monkeypatch):
    """Let nobody be on this machine: what a stranger on the network meets."""
    monkeypatch.setattr(connection_module, "is_loopback", lambda address: False)


async def refused(work):
    with pytest.raises(InvalidStatus) as error:
        async with work:
            pass
    return error.value.response.status_code


async def closed(client_or_socket):
    with pytest.raises(ConnectionClosed) as error:
        while True:
            await anext(client_or_socket)
    return error.value.rcvd.code if error.value.rcvd else None


def test_what_is_published_reaches_every_subscriber(engine, run):
    async def work(service):
        async with greeted(service) as first, greeted(service) as second:
            assert (first.hello.stream, first.hello.role) == ("one", "viewer")
            engine.say("hello", id=1)
            engine.level()
            for client in (first, second):
                caption, level = await anext(client), await anext(client)
                assert (caption.text, caption.at) == ("hello", 1.0)
                assert isinstance(level, Level)
                assert level.seq == caption.seq + 1

    with engine.serving() as service:
        run(work(service))


def test_the_last_events_are_delivered_before_the_service_ends(engine, run):
    got = []

    async def listen(service, ready):
        async with greeted(service) as client:
            ready.set()
            assert await closed(_kept(client, got)) == 1001

    async def _kept(client, got):
        async for event in client:
            got.append(event)
            yield event

    with engine.serving() as service:
        ready = threading.Event()
        thread = threading.Thread(target=lambda: run(listen(service, ready)))
        thread.start()
        assert ready.wait(10)
        for n in range(100):
            engine.say(str(n), id=n)
        engine.bye()
    thread.join()
    assert [e.text for e in got if isinstance(e, Caption)] == [str(n) for n in range(100)]
    assert isinstance(got[-1], Bye)


def test_an_address_that_is_taken_is_one_clear_line(engine):
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(AddressError, match=r"cannot serve on 127\.0\.0\.1:.*choose another"),
        engine.serving(port=taken.getsockname()[1]),
    ):
        pass


def test_commands_are_carried_out_and_answered(engine, run):
    async def work(service):
        async with greeted(service, token=engine.access.control_token) as client:
            assert client.hello.role == "controller"
            assert await client.command(Mute(id=5, on=True)) == {"done": "Mute"}
        assert engine.told == [Mute(id=5, on=True)]

    with engine.serving() as service:
        run(work(service))


def test_what_cannot_be_done_is_an_error_and_what_breaks_is_one_too(engine, run, caplog):
    def execute(command, tell):
        if isinstance(command, Mute):
            raise ZeroDivisionError
        raise VoiceError("no voice 'bo' is enrolled")

    engine.execute = execute

    async def work(service):
        async with greeted(service, token=engine.access.control_token) as client:
            with pytest.raises(CommandError, match="no voice 'bo'") as error:
                await client.command(Enrol(id=1, name="bo"))
            assert error.value.code == "voice"
            with pytest.raises(CommandError, match="the log says why") as error:
                await client.command(Mute(id=2, on=True))
            assert error.value.code == "internal"

    with engine.serving() as service:
        run(work(service))
    assert "ZeroDivisionError" in caplog.text


def test_a_long_command_tells_how_far_it_is_and_holds_up_no_short_one(engine, run):
    go_on = threading.Event()

    def execute(command, tell):
        if isinstance(command, Enrol):
            tell(Progress(id=command.id, done=1, total=2))
            assert go_on.wait(10)
        else:
            go_on.set()

    engine.execute = execute

    async def work(service):
        async with greeted(service, token=engine.access.control_token) as client:
            enrolling = asyncio.create_task(client.command(Enrol(id="e", name="bo")))
            progress = await anext(client)
            assert (progress.id, progress.done, progress.total) == ("e", 1, 2)
            await client.command(Cancel(id="c", task="e"))
            await enrolling

    with engine.serving() as service:
        run(work(service))


def test_a_clip_whose_sender_leaves_in_the_midst_of_it_is_dropped_and_a_whole_one_stays(
    engine, run, until
):
    def execute(command, tell):
        if command.name == "noise.wav" and command.last:
            raise VoiceError("that is no sound")

    engine.execute = execute

    async def work(service):
        async with greeted(service, token=engine.access.control_token) as client:
            for name, last in (("bell.wav", True), ("half.wav", False)):
                await client.command(SendClip(id=name, name=name, part=b"a", offset=0, last=last))
            with pytest.raises(CommandError):
                await client.command(
                    SendClip(id=3, name="noise.wav", part=b"a", offset=0, last=True)
                )
            assert engine.dropped == []
        await until(lambda: len(engine.dropped) == 2)

    with engine.serving() as service:
        run(work(service))
    assert sorted(engine.dropped) == ["half.wav", "noise.wav"]


def test_sound_comes_with_its_position_to_those_who_ask(engine, run, until):
    audio = np.random.default_rng(0).uniform(-1, 1, 640).astype(np.float32)
    targets = audio[None] * np.float32(0.25)

    async def work(service):
        async with greeted(service) as client:
            engine.tap.push(Mixed(audio, audio / 2, targets))  # nobody asked yet
            await client.subscribe(["audio:mixture:f32", "audio:output", "audio:rest:f32"])
            await until(lambda: engine.tap._open)
            engine.tap.push(Mixed(audio, audio / 2, targets))
            frames = {(frame := await anext(client)).stream: frame for _ in range(3)}
            for stream, factor in (("mixture", 1), ("output", 0.5), ("rest", 0.75)):
                frame = frames[stream]
                assert isinstance(frame, AudioFrame)
                assert (frame.position, frame.rate) == (640, 16_000)
                np.testing.assert_allclose(frame.samples[:, 0], audio * factor, atol=1e-4)
        await until(lambda: not engine.tap._open)

    with engine.serving() as service:
        run(work(service))


def test_spectra_are_made_while_somebody_asks(engine, run, until):
    async def work(service):
        async with greeted(service) as client:
            await client.subscribe(["spectrum"])
            await until(lambda: engine.shown == [True])
            engine.bus.publish(Spectrum(stream="output", position=9, bands=bytes(64)))
            spectrum = await anext(client)
            assert (spectrum.stream, spectrum.position, spectrum.bands) == ("output", 9, bytes(64))
        await until(lambda: engine.shown == [True, False])

    with engine.serving() as service:
        run(work(service))


def test_one_who_never_reads_is_cut_off_while_others_miss_nothing(
    engine, run, shake, monkeypatch, until
):
    monkeypatch.setattr("tap_live.service.protocol.STALLED_S", 0.3)
    text = "word " * 400

    async def work(service):
        stuck = await asyncio.to_thread(shake, service)
        async with greeted(service) as client:
            await client.subscribe(["caption"])
            for n in range(600):
                engine.say(text, id=n)
                if n % 20 == 19:  # a reader who follows
                    while (await anext(client)).id != n:
                        pass
            await until(lambda: engine.hub.cut_off[CloseCode.SLOW] == 1)
            await until(lambda: len(engine.hub.sessions) == 1)
            engine.say("still here", id=600)
            assert (await anext(client)).text == "still here"
        stuck.close()

    with engine.serving() as service:
        run(work(service))


def test_a_publisher_never_waits_even_when_the_service_stands_still(engine, run):
    async def work(service):
        async with greeted(service) as client:
            published, in_time = threading.Event(), []
            service._loop.call_soon_threadsafe(lambda: in_time.append(published.wait(20)))
            for n in range(2000):
                engine.level()
                engine.say("x", id=n)
            published.set()  # a publisher that waited would have come here too late
            finals = 0
            while finals < 2000:
                finals += isinstance(await anext(client), Caption)
            assert in_time == [True]

    with engine.serving() as service:
        run(work(service))


def test_what_breaks_off_in_the_middle_hurts_nobody(engine, run, shake, until):
    async def work(service):
        for data in (b"", b"\x81", b"\x81\xff\x00\x00", b"\xff" * 200, b"GET / HTTP/1.1\r\n\r\n"):
            wire = await asyncio.to_thread(shake, service)
            wire.sendall(data)
            wire.close()
        async with greeted(service) as client:
            await until(lambda: len(engine.hub.sessions) == 1)
            engine.say("fine", id=1)
            assert (await anext(client)).text == "fine"

    with engine.serving() as service:
        run(work(service))


# HTTP


def test_the_page_and_its_parts_are_served_with_a_strict_policy(engine):
    with engine.serving() as service:
        for path, kind in (("/", "html"), ("/page.js", "javascript"), ("/page.css", "css")):
            status, head, body = get(service, path)
            assert status == 200
            assert f"Content-Type: text/{kind}; charset=utf-8" in head
            assert "default-src 'none'; script-src 'self'" in head
            assert f"ws://127.0.0.1:{service.port}" in head
            assert len(body) > 500


def test_health_schema_and_numbers_are_served(engine, run, until):
    async def work(service):
        async with greeted(service):
            engine.say("one", id=1)
            await until(lambda: engine.hub.history.finals == 1)
            _, _, health = await asyncio.to_thread(get, service, "/health")
            assert json.loads(health) | {"version": ""} == {
                "status": "ok", "version": "", "stream": "one", "at": 1.0, "subscribers": 1
            }  # fmt: skip
            _, head, numbers = await asyncio.to_thread(get, service, "/metrics")
            assert "text/plain; version=0.0.4" in head
            assert "\ntap_live_subscribers 1\n" in numbers
            assert "\ntap_live_finals_total 1\n" in numbers
            _, _, schema = await asyncio.to_thread(get, service, "/schema.json")
            assert "Subscribe" in json.loads(schema)["$defs"]

    with engine.serving() as service:
        run(work(service))


def test_captions_are_files_that_grow_and_late_ones_take_their_place(engine, run, until):
    with engine.serving() as service:
        for n, text in enumerate(["One.", "Two."]):
            engine.say(text, id=n, speaker="ana")
        engine.say("maybe", id=2, state="partial")
        run(until(lambda: engine.hub.at == 3.0))
        assert get(service, "/captions.txt")[2] == "ana: One.\nana: Two.\n"
        engine.say("Three.", id=3)
        run(until(lambda: engine.hub.at == 4.0))
        assert get(service, "/captions.txt")[2] == "ana: One.\nana: Two.\nThree.\n"
        engine.say("Between.", id=4, late=True, start=1.5, end=1.8)
        run(until(lambda: engine.hub.at == 5.0))
        assert get(service, "/captions.txt")[2] == "ana: One.\nana: Two.\nBetween.\nThree.\n"
        assert get(service, "/captions.vtt")[2].startswith("WEBVTT\n\n00:00:00.000 -->")
        assert get(service, "/captions.srt")[2].startswith("1\n00:00:00,000 -->")


@pytest.mark.parametrize(
    "path",
    ["/../page.js", "/%2e%2e/x", "//etc/passwd", "/page/../index.html", "/captions.jsonl",
     "/captions./etc/passwd", "/captions.vtt/..", "/\\..\\x", "/.", "*", "http://evil/", "/x?/"],
)  # fmt: skip
def test_no_path_leads_anywhere_but_to_the_table(engine, path):
    with engine.serving() as service:
        assert get(service, path)[0] == 404
        assert engine.hub.refusals == {"path": 1}


@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT", "TRACE", "CONNECT"])
def test_only_get_is_answered(engine, method):
    with engine.serving() as service:
        answer = raw(service, f"{method} / HTTP/1.1", "Host: localhost")
        assert answer.startswith("HTTP/1.1 405")


# strangers


def test_a_foreign_page_and_a_rebound_name_are_refused_on_loopback_too(engine, run, caplog):
    async def work(service):
        foreign = open_socket(url(service), origin="https://evil.example")
        assert await refused(foreign) == 403
        own = f"http://127.0.0.1:{service.port}"
        async with open_socket(url(service), origin=own) as socket:
            assert decode_event(await socket.recv()).stream == "one"

    with engine.serving() as service:
        run(work(service))
        for _ in range(3):
            assert get(service, "/captions.txt", host="evil.example")[0] == 403
        assert get(service, "/health", "Origin: null")[0] == 403
    assert engine.hub.refusals == {"origin": 2, "host": 3}
    assert len(caplog.records) == 2  # each kind once


def test_a_proxy_on_this_machine_lets_nobody_in_without_a_token(engine, run):
    engine.access.names = frozenset(["captions.example.org"])

    async def work(service):
        handed_on = {"X-Forwarded-For": "203.0.113.9"}
        async with open_socket(url(service), additional_headers=handed_on) as socket:
            engine.say("secret", id=1)
            await socket.send('{"type":"get_state","id":1}')
            assert await closed(aiter(socket)) == CloseCode.UNAUTHORISED

    with engine.serving() as service:
        proxied = "X-Forwarded-For: 203.0.113.9"
        assert get(service, "/captions.txt", host="captions.example.org")[0] == 401
        assert get(service, "/captions.txt", proxied)[0] == 401
        token = f"Authorization: Bearer {engine.access.viewer_token}"
        assert get(service, "/captions.txt", proxied, token)[0] == 200
        run(work(service))


def test_without_a_token_a_stranger_gets_the_page_and_nothing_else(strange, engine, run):
    with engine.serving() as service:
        assert get(service, "/")[0] == 200
        for path in ("/health", "/metrics", "/schema.json", "/captions.txt", "/link", "/nosuch"):
            assert get(service, path)[0] == 401
        assert get(service, "/health", "Authorization: Bearer guess")[0] == 401
        assert run(refused(open_socket(url(service), origin=f"http://127.0.0.1:{service.port}")))
        token = engine.access.viewer_token
        assert get(service, "/health", f"Authorization: Bearer {token}")[0] == 200


def test_a_strangers_first_message_is_a_token_or_the_last(strange, engine, run):
    async def work(service):
        async with open_socket(url(service)) as socket:
            engine.say("secret", id=1)
            token = engine.access.viewer_token
            await socket.send(json.dumps({"type": "authenticate", "id": 1, "token": token}))
            assert [decode_event(await socket.recv()).__class__.__name__ for _ in "12"] == [
                *("Ok", "Hello")
            ]
        for first in ('{"type":"authenticate","id":1,"token":"x"}', '{"type":"stop","id":1}'):
            async with open_socket(url(service)) as socket:
                await socket.send(first)
                assert await closed(aiter(socket)) == CloseCode.UNAUTHORISED
        assert await refused(connect(url(service), token="guess")) == 401

    with engine.serving() as service:
        run(work(service))
    assert engine.told == []


def test_a_viewer_who_commands_is_refused_and_the_engine_untouched(engine, run):
    async def work(service):
        async with greeted(service) as client:
            with pytest.raises(CommandError, match="need the control token") as error:
                await client.command(Mute(id=1, on=True))
            assert error.value.code == "not-allowed"

    with engine.serving() as service:
        run(work(service))
    assert engine.told == []


def test_a_link_opens_the_page_once(strange, engine):
    with engine.serving() as service:
        control = f"Authorization: Bearer {engine.access.control_token}"
        viewer = f"Authorization: Bearer {engine.access.viewer_token}"
        assert get(service, "/link", viewer)[0] == 401
        status, _, link = get(service, "/link", control)
        assert (status, link.partition("#")[0]) == (200, f"http://127.0.0.1:{service.port}/")
        code = link.strip().partition("#code=")[2]
        status, head, _ = get(service, "/session", f"Authorization: Code {code}")
        assert status == 200
        cookie = head.partition("Set-Cookie: ")[2].partition(";")[0]
        assert cookie.startswith(f"tap-live-{service.port}=")
        assert get(service, "/captions.vtt", f"Cookie: {cookie}")[0] == 200
        assert get(service, "/session", f"Authorization: Code {code}")[0] == 401


printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
names = st.sampled_from(
    ["Host", "Origin", "Cookie", "Authorization", "Upgrade", "Connection", "Sec-WebSocket-Key",
     "Sec-WebSocket-Version", "Content-Length", "Transfer-Encoding", "X-Any"]
)  # fmt: skip


def test_no_request_does_more_than_be_answered_or_refused(engine):
    @settings(max_examples=60)
    @given(
        printable,
        st.lists(st.tuples(names, printable), max_size=4),
        st.sampled_from(["/", "/events", "/captions.txt", "/session", "/link", "/x"]),
    )
    def ask(tail, headers, path):
        lines = [f"{name}: {value}" for name, value in headers]
        status, head, body = get(service, path + tail, *lines)
        assert status is None or status in (101, 200, 400, 401, 403, 404, 405, 426)
        tokens = (engine.access.control_token, engine.access.viewer_token)
        assert not any(token in head + body for token in tokens)

    @settings(max_examples=40)
    @given(st.binary(max_size=300))
    def send(data):
        with socket.create_connection(("127.0.0.1", service.port), timeout=5) as wire:
            wire.sendall(data)

    with engine.serving(handshake_s=1.0) as service:
        ask()
        send()
        assert get(service, "/health")[0] == 200
    assert engine.told == []


def test_messages_that_are_too_long_or_too_many_end_the_connection(engine, run):
    async def work(service):
        async with open_socket(url(service)) as socket:
            await socket.send("x" * 20_000)
            assert await closed(aiter(socket)) == 1009
        async with greeted(service) as client:
            with pytest.raises(ConnectionClosed) as error:
                while True:
                    await client.subscribe([])
            assert error.value.rcvd.code == CloseCode.FLOOD

    with engine.serving() as service:
        run(work(service))
    assert engine.hub.cut_off[CloseCode.FLOOD] == 1


def test_a_handshake_that_does_not_come_is_not_waited_for(engine):
    with engine.serving(handshake_s=0.2) as service:
        with socket.create_connection(("127.0.0.1", service.port), timeout=5) as slow:
            slow.sendall(b"GET / HTT")
            assert slow.recv(1) == b""
        with socket.create_connection(("127.0.0.1", service.port), timeout=5) as long:
            long.sendall(b"GET /" + b"x" * 20_000)
            assert long.recv(100)[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 414", b"")


def test_connections_are_limited_in_all_and_for_each_address(engine, run, strange, until):
    async def work(service, most):
        sockets = [await open_socket(url(service)) for _ in range(most)]
        with pytest.raises((ConnectionError, EOFError, InvalidMessage)):
            await open_socket(url(service))
        await sockets[0].close()
        await until(lambda: len(service._visitors) == most - 1)
        sockets[0] = await open_socket(url(service))
        for each in sockets:
            await each.close()

    with engine.serving(connections=3) as service:
        run(work(service, 3))
    with engine.serving(connections_of_one=2) as service:
        run(work(service, 2))
    assert engine.hub.refusals == {"connections": 2}


def test_with_a_certificate_it_speaks_tls_and_nothing_else(engine, run, certificate):
    server_side, client_side = certificate
    engine.access.secure = True

    async def work(service):
        secure = url(service).replace("ws:", "wss:")
        async with connect(secure, context=client_side) as client:
            assert (await anext(client)).stream == "one"

    with engine.serving(certificate=server_side) as service:
        run(work(service))
        with socket.create_connection(("127.0.0.1", service.port), timeout=5) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"HTTP" not in plain.recv(100)


def test_tokens_are_in_no_log(engine, run, caplog):
    caplog.set_level(logging.DEBUG)

    async def work(service):
        token = engine.access.control_token
        async with open_socket(url(service), logger=logging.getLogger("of the client")) as socket:
            await socket.send(json.dumps({"type": "authenticate", "id": 1, "token": token}))
            await socket.recv()
        await refused(connect(url(service), token=token[:-1]))

    with engine.serving() as service:
        run(work(service))
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("tap_live")]
    assert ours
    assert not [line for line in ours if engine.access.control_token[:-1] in line]


def test_two_engines_do_not_know_each_others_tokens(engine):
    assert type(engine)().access.control_token != engine.access.control_token
