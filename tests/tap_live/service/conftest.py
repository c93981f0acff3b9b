import asyncio
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager

import pytest

from tap_live.bus import EventBus
from tap_live.events import Bye, Caption, Hello, Level, Loudness, Word
from tap_live.service.access import Access
from tap_live.service.hub import Hub
from tap_live.service.server import Service, ServiceConfig
from tap_live.service.tap import AudioTap

QUIET = Loudness(None, None)


class Engine:
    """What a stream is to the service: events, sound, and something that takes commands."""

    def __init__(self):
        self.bus = EventBus(now=lambda: self.at)
        self.at = 0.0
        self.hub = Hub(stream="one")
        self.access = Access()
        self.tap = AudioTap()
        self.told, self.shown, self.dropped = [], [], []
        self.closed = False

    def execute(self, command, tell):
        self.told.append(command)
        return {"done": type(command).__name__}

    def drop(self, clip):
        self.dropped.append(clip)

    def close(self):
        self.closed = True

    @contextmanager
    def serving(self, port=0, hello=True, **config):
        service = Service(
            ServiceConfig(port=port, **config),
            self.hub,
            self.access,
            self.bus.subscribe(),
            self,
            self.tap,
            self.shown.append,
        )
        with service:
            if hello:
                self.hello()
            yield service

    def hello(self):
        self.bus.publish(
            Hello(version="1", rate=16_000, bundles=(), capabilities=(), role="controller")
        )

    def say(self, text, id, state="final", **more):
        self.at += 1.0
        words = (Word(f" {text}", self.at - 1, self.at, 0.9),)
        more = {"revision": 0, "start": self.at - 1, "end": self.at, "words": words} | more
        self.bus.publish(Caption(id=id, state=state, **more))

    def level(self):
        self.bus.publish(Level(mixture=QUIET, output=QUIET))

    def bye(self):
        self.bus.publish(Bye(reason="end"))


@pytest.fixture
def engine():
    before = threading.active_count()
    yield Engine()
    assert threading.active_count() == before


@pytest.fixture
def run():
    """Run a coroutine to its end, or fail after a while."""

    def run(work):
        async def limited():
            async with asyncio.timeout(20):
                return await work

        return asyncio.run(limited())

    return run


@pytest.fixture
def until():
    """Wait until something is true, or fail after a while."""

    async def until(true, seconds=10.0):
        for _ in range(int(seconds / 0.005)):
            if true():
                return
            await asyncio.sleep(0.005)
        raise AssertionError("it did not come true")

    return until


@pytest.fixture
def shake():
    """Connect a subscriber without a library, which has shaken hands and read nothing more."""

    def shake(service):
        wire = socket.socket()
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.settimeout(10)
        wire.connect(("127.0.0.1", service.port))
        wire.sendall(
            b"GET /events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert wire.recv(12) == b"HTTP/1.1 101"
        return wire

    return shake


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for this machine, made here: (server's context, client's context)."""
    folder = tmp_path_factory.mktemp("tls")
    pem, key = folder / "cert.pem", folder / "key.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key, "-out", pem],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("openssl is not here to make a certificate with")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem, key)
    return server, ssl.create_default_context(cafile=str(pem))
