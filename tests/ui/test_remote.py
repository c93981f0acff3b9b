import time
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosedError

from tap_live.bus import EventBus
from tap_live.errors import ConfigError, NotPossibleError
from tap_live.events import (
    Bye,
    Caption,
    Failed,
    GetState,
    Hello,
    Level,
    Loudness,
    Mute,
    Ok,
    Warned,
)
from tap_live.service.access import Access
from tap_live.service.hub import Hub
from tap_live.service.server import Service, ServiceConfig
from tap_live.ui import remote as remote_module
from tap_live.ui.engine import Phase
from tap_live.ui.remote import RemoteEngine, events_url

QUIET = Loudness(None, None)


class Control:
    def execute(self, command, tell):
        if isinstance(command, Mute):
            raise NotPossibleError("not now")
        return {"at": 1.0}

    def close(self):
        pass


class Stream:
    """Events that outlive the service in front of them."""

    def __init__(self):
        self.bus, self.hub, self.access = EventBus(lambda: 0.0), Hub(stream="one"), Access()
        self._greeted = False

    @contextmanager
    def served(self, port=0):
        events = self.bus.subscribe()
        if not self._greeted:
            self._greeted = True
            self.bus.publish(
                Hello(version="1", rate=8000, bundles=(), capabilities=(), role="controller")
            )
        with Service(ServiceConfig(port=port), self.hub, self.access, events, Control()) as service:
            yield service.port


@pytest.fixture
def stream():
    return Stream()


@pytest.fixture
def open_remote(monkeypatch):
    monkeypatch.setattr(remote_module, "FIRST_WAIT_S", 0.02)
    monkeypatch.setattr(remote_module, "LONGEST_WAIT_S", 0.1)
    engines = []

    def open(port, token=None):
        engines.append(RemoteEngine(f"127.0.0.1:{port}", token))
        return engines[-1]

    yield open
    for engine in engines:
        engine.close()


def until(engine, done, seconds=20.0):
    events, deadline = [], time.monotonic() + seconds
    while not done(events):
        assert time.monotonic() < deadline, events
        events += engine.poll()
        time.sleep(0.005)
    return events + engine.poll()


def said(text):
    return lambda events: any(isinstance(e, Caption) and e.text == text for e in events)


def test_it_hears_the_stream_and_steers_it(stream, open_remote, say):
    with stream.served() as port:
        engine = open_remote(port, stream.access.control_token)
        until(engine, lambda events: engine.phase is Phase.RUNNING)
        stream.bus.publish(say.caption("hello"))
        until(engine, said("hello"))
        engine.send(GetState(id="p1"))
        engine.send(Mute(id="p2", on=True))
        answers = until(engine, lambda events: len(events) >= 2)
        assert (answers[0].id, answers[0].result) == ("p1", {"at": 1.0})
        assert (type(answers[1]), answers[1].text) == (Failed, "not now")
        stream.bus.publish(Bye(reason="over"))
        until(engine, lambda events: engine.phase is Phase.STOPPED)


def test_an_engine_that_is_killed_is_told_and_found_again_with_all_finals(stream, open_remote, say):
    with stream.served() as port:
        engine = open_remote(port)
        until(engine, lambda events: engine.phase is Phase.RUNNING)
        stream.bus.publish(say.caption("before", id=1))
        until(engine, said("before"))
    lost = until(engine, lambda events: engine.phase is Phase.LOST)
    told = next(e.text for e in lost if isinstance(e, Failed) and e.code == "engine-lost")
    assert "frame" not in told  # of the protocol, which nobody has heard of
    engine.send(GetState(id="p1"))
    refused = until(engine, lambda events: any(isinstance(e, Failed) and e.id for e in events))
    assert "cannot be reached" in refused[-1].text
    with stream.served(port):
        stream.bus.publish(say.caption("meanwhile", id=2))
        engine.retry()
        events = until(engine, said("meanwhile"))
    assert not said("before")(events)  # it came already
    assert not any(isinstance(event, Hello) for event in events)  # the stream goes on


def test_who_may_only_watch_is_told_so(stream, open_remote):
    with stream.served() as port:
        engine = open_remote(port)
        events = until(engine, lambda events: any(isinstance(e, Warned) for e in events))
        warned = next(event for event in events if isinstance(event, Warned))
        assert "--token" in warned.text
        engine.send(GetState(id=1))
        until(engine, lambda events: any(isinstance(e, (Ok, Failed)) and e.id for e in events))


def test_an_interface_that_stalls_misses_levels_and_no_words(stream, open_remote, say):
    with stream.served() as port:
        engine = open_remote(port)
        until(engine, lambda events: engine.phase is Phase.RUNNING)
        for number in range(1000):
            stream.bus.publish(Level(mixture=QUIET, output=QUIET))
            if number % 5 == 0:
                stream.bus.publish(say.caption(f"w{number}", id=number))
                time.sleep(0.002)  # as a stream would, though 500 times as fast
        events = until(engine, said("w995"))
    words = [event.text for event in events if isinstance(event, Caption)]
    assert words == [f"w{number}" for number in range(0, 1000, 5)]


@pytest.mark.parametrize(
    "error, words",
    [
        (ConnectionClosedError(None, None), "the connection broke off"),
        (ConnectionRefusedError(), "no engine answers on it"),
        (TimeoutError(), "no answer in time"),
        (OSError("name or service not known"), "name or service not known"),
    ],
)
def test_why_an_engine_cannot_be_reached_is_said_plainly(error, words):
    assert words in remote_module._reason(error)


@pytest.mark.parametrize(
    "address, url",
    [
        ("127.0.0.1:99", "ws://127.0.0.1:99/events"),
        ("http://box:80/", "ws://box:80/events"),
        ("wss://box", "wss://box:8765/events"),
        ("ws://[::1]:5/events", "ws://[::1]:5/events"),
    ],
)
def test_addresses_are_completed(address, url):
    assert events_url(address) == url


@pytest.mark.parametrize("address", ["", "ftp://x", "ws://", "host:port", "a:99999"])
def test_what_is_no_address_is_said(address):
    with pytest.raises(ConfigError, match="wanted ws://HOST:PORT"):
        events_url(address)
