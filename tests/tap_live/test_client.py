import asyncio
import threading
from contextlib import contextmanager

import pytest
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tap_live import client as client_module
from tap_live.bus import EventBus
from tap_live.client import connect, follow
from tap_live.errors import CommandError, NotPossibleError, WireError
from tap_live.events import Bye, Caption, Hello, Mute, Word
from tap_live.service.access import Access
from tap_live.service.hub import Hub
from tap_live.service.server import Service, ServiceConfig


class Control:
    def execute(self, command, tell):
        if command.on:
            raise NotPossibleError("not now")
        return {"muted": False}

    def close(self):
        pass


class Stream:
    """Events that outlive the service in front of them."""

    def __init__(self, name="one"):
        self.bus, self.hub, self.access = EventBus(lambda: 0.0), Hub(stream=name), Access()

    @contextmanager
    def served(self, port=0, hello=True):
        events = self.bus.subscribe()
        if hello:
            self.bus.publish(
                Hello(version="1", rate=8000, bundles=(), capabilities=(), role="controller")
            )
        config = ServiceConfig(port=port)
        with Service(config, self.hub, self.access, events, Control()) as service:
            yield f"ws://127.0.0.1:{service.port}/events"

    def say(self, text, id, state="final"):
        words = (Word(text, 0, 1, 1),)
        caption = Caption(id=id, revision=0, state=state, start=0, end=1, words=words)
        self.bus.publish(caption)


@pytest.fixture
def stream():
    return Stream()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(client_module, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(client_module, "LONGEST_WAIT_S", 0.05)


def run(work):
    async def limited():
        async with asyncio.timeout(20):
            return await work

    return asyncio.run(limited())


def test_it_hears_what_is_published_and_sends_commands(stream):
    async def work(url):
        async with connect(url, token=stream.access.control_token) as client:
            assert (await anext(client)).role == "controller"
            stream.say("hello", 1)
            assert (await anext(client)).text == "hello"
            assert await client.command(Mute(id=client.new_id(), on=False)) == {"muted": False}
            with pytest.raises(CommandError, match="not now") as error:
                await client.command(Mute(id=client.new_id(), on=True))
            assert error.value.code == "not-possible"

    with stream.served() as url:
        run(work(url))


def test_a_token_that_is_wrong_is_refused(stream):
    async def work(url):
        with pytest.raises(InvalidStatus):
            async with connect(url, token="wrong"):
                pass

    with stream.served() as url:
        run(work(url))


def test_the_end_of_a_connection_ends_what_waits(stream):
    ready = threading.Event()

    async def work(url):
        async with connect(url) as client:
            await anext(client)
            ready.set()
            with pytest.raises(ConnectionClosed):
                await anext(client)

    with stream.served() as url:
        thread = threading.Thread(target=run, args=(work(url),))
        thread.start()
        assert ready.wait(10)
    thread.join()


def test_a_command_whose_connection_ends_is_not_waited_for_for_ever():
    async def hang_up(socket):
        await socket.recv()
        await socket.close()

    async def work():
        async with serve(hang_up, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with connect(f"ws://127.0.0.1:{port}") as client:
                with pytest.raises(ConnectionClosed):
                    await client.command(Mute(id=1, on=False))

    run(work())


def test_following_hears_every_final_once_across_restarts_of_the_service(stream):
    heard = []
    gates = [threading.Event() for _ in range(3)]

    async def work(url):
        async for event in follow(url):
            if isinstance(event, Caption) and event.state == "final":
                heard.append(event.text)
                if len(heard) in (3, 6):
                    gates[len(heard) // 3].set()
            if isinstance(event, Bye):
                break

    with stream.served() as url:
        port = int(url.split(":")[2].partition("/")[0])
        stream.say("0", 0)
        thread = threading.Thread(target=run, args=(work(url),))
        thread.start()
        for n in (1, 2):
            stream.say(str(n), n)
        assert gates[1].wait(10)
    away = stream.bus.subscribe()
    for n in (3, 4):
        stream.say(str(n), n)
    while (event := away.get(0)) is not None:
        stream.hub.publish(event)  # while nobody could be reached
    with stream.served(port, hello=False):
        stream.say("5", 5)
        assert gates[2].wait(10)
        stream.bus.publish(Bye(reason="end"))
    thread.join()
    assert heard == [str(n) for n in range(6)]


def test_following_goes_on_with_another_stream_from_its_beginning(stream):
    heard = []
    heard_one = threading.Event()

    async def work(url):
        async for event in follow(url, channels=["caption"]):
            if isinstance(event, Hello):
                heard.append(event.stream)
            if isinstance(event, Caption):
                heard.append(event.text)
                heard_one.set()
            if isinstance(event, Bye):
                return

    with stream.served() as url:
        port = int(url.split(":")[2].partition("/")[0])
        for n in range(9):
            stream.say("old", n)
        thread = threading.Thread(target=run, args=(work(url),))
        thread.start()
        assert heard_one.wait(10)
    other = Stream("two")
    with other.served(port):
        other.say("new", 0)
        other.bus.publish(Bye(reason="end"))
        thread.join()
    assert heard == ["one", *["old"] * 9, "two", "new"]


def test_following_ends_where_the_engine_does_not_let_one_in(stream):
    async def work(url):
        async for _ in follow(url, token="wrong"):
            pytest.fail("heard something")

    with stream.served() as url, pytest.raises(InvalidStatus) as refused:
        run(asyncio.wait_for(work(url), 10))
    assert refused.value.response.status_code == 401


@pytest.mark.parametrize(
    ("first", "text"),
    [
        ('{"type":"bye","seq":1,"at":0.0,"reason":"end"}', "wanted hello .* found bye"),
        (bytes(40), "wanted"),
        ("{}", "wanted"),
    ],
)
def test_following_what_is_no_engine_is_an_error(first, text):
    async def speak(socket):
        await socket.send(first)
        await socket.wait_closed()

    async def work():
        async with serve(speak, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(WireError, match=text):
                await anext(follow(f"ws://127.0.0.1:{port}"))

    run(work())


def test_following_says_that_it_tries_again(stream, caplog):
    async def work(url):
        async for event in follow(url):
            if isinstance(event, Hello):
                return

    with stream.served() as url:
        port = int(url.split(":")[2].partition("/")[0])
    thread = threading.Thread(target=run, args=(work(url),))
    thread.start()
    while "trying again" not in caplog.text:
        thread.join(0.01)
    with Stream().served(port):
        thread.join()
