"""Subscribers: a good one, whose finals are counted, and strangers who behave badly."""

import asyncio
import socket
from threading import Event, Thread
from types import TracebackType
from typing import Self

import numpy as np

from tap_live.client import follow
from tap_live.events import Bye, Caption

PATIENCE_S = 5.0
GREETING = (
    b"GET /events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
EVERYTHING = (
    '{"type":"subscribe","id":1,"after":0,"channels":["level","caption","stats","spectrum",'
    '"audio:mixture:f32","audio:output:f32"]}'
)
FLOOD = '{"type":"get_state","id":1}'


class GoodReader:
    """Follow a stream inside a `with`, on a thread of its own; afterwards `finals` are all."""

    def __init__(self, port: int) -> None:
        self.finals: list[int] = []  # ids
        self._url = f"ws://127.0.0.1:{port}/events"
        self._after = 0  # the last `seq`
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._over = Event()
        self._thread = Thread(target=self._loop.run_until_complete, args=(self._stay(),))

    def come_back(self) -> None:
        """Leave, and follow again from where it was; any thread."""
        self._loop.call_soon_threadsafe(self._leave)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if not self._over.wait(PATIENCE_S):  # it missed the stream's end
            self._over.set()
            self._loop.call_soon_threadsafe(self._leave)
        self._thread.join()
        self._loop.close()

    def _leave(self) -> None:
        if self._task:
            self._task.cancel()

    async def _stay(self) -> None:
        while not self._over.is_set():
            self._task = asyncio.create_task(self._follow())
            await asyncio.wait([self._task])
            if not self._task.cancelled() and (error := self._task.exception()):
                raise error

    async def _follow(self) -> None:
        channels = ["caption", "level"]
        async for event in follow(self._url, channels=channels, after=self._after):
            if isinstance(event, Caption) and event.state == "final":
                self._after = event.seq
                self.finals.append(event.id)
            elif isinstance(event, Bye):
                self._over.set()


class Strangers:
    """Sockets that are opened, ill-treated and, at the latest at the end, closed."""

    def __init__(self, port: int, seed: int) -> None:
        self._port = port
        self._rng = np.random.default_rng(seed)
        self._open: list[socket.socket] = []

    def never_reads(self) -> None:
        wire = self._enter()
        wire.sendall(_frame(EVERYTHING))
        self._open.append(wire)

    def leave(self) -> None:
        """Close what is open."""
        while self._open:
            self._open.pop().close()

    def sends_garbage(self) -> None:
        for size in (1, 60, 300):
            with socket.create_connection(("127.0.0.1", self._port), PATIENCE_S) as wire:
                wire.sendall(self._rng.bytes(size))
            with self._enter() as wire:
                wire.sendall(self._rng.bytes(size))

    def leaves_in_mid_frame(self) -> None:
        for cut in (1, 3, 7, 20):
            with self._enter() as wire:
                wire.sendall(_frame(EVERYTHING)[:cut])

    def floods(self) -> None:
        wire = self._enter()
        wire.sendall(_frame(FLOOD) * 200)
        self._open.append(wire)

    def _enter(self) -> socket.socket:
        wire = socket.create_connection(("127.0.0.1", self._port), PATIENCE_S)
        wire.sendall(GREETING)
        return wire


def _frame(message: str) -> bytes:
    """A client's text frame, masked with zeros."""
    data = message.encode()
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return b"\x81" + size + bytes(4) + data
