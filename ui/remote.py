"""An engine by address, as `tap-live run --serve` makes one, on an asyncio thread of its own.

A connection that breaks is made again; finals that were missed come then. `send`, `poll`,
`retry` and `close` run on the interface's thread, all else on the loop's.
"""

import asyncio
from contextlib import suppress
from urllib.parse import urlsplit

import msgspec
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tap_live.bus import Subscription
from tap_live.client import FIRST_WAIT_S, LONGEST_WAIT_S, Client, connect
from tap_live.errors import CommandError, ConfigError, StorageError
from tap_live.events import AnyCommand, AnyEvent, Bye, Failed, Hello, Ok, Progress, Warned
from tap_live.service.audio_frames import AudioFrame
from tap_live.service.token_file import DEFAULT_PORT, read_tokens
from tap_live.ui.engine import Phase
from tap_live.ui.loop import LoopThread

CHANNELS = ("caption", "level", "target", "spectrum", "stats", "device", "warning", "error")
INBOX = 512  # events that may wait for the interface, beside those that are always kept
_MOST_AT_ONCE = 500


class RemoteEngine:
    """An `Engine` elsewhere.

    Args:
        token: from `token_of`; without one an engine on another machine lets nobody in.
    Raises: ConfigError if that is no address.
    """

    remote = True

    def __init__(self, address: str, token: str | None = None) -> None:
        self.where = events_url(address)
        self.phase = Phase.STARTING
        self._token = token or token_of(self.where)
        self._inbox = Subscription(INBOX)
        self._client: Client | None = None
        self._stream: str | None = None
        self._after = 0
        self._told = False
        self._loop = LoopThread("panel-client")
        self._hurry = asyncio.Event()
        self._loop.begin(self._follow())

    def send(self, command: AnyCommand) -> None:
        self._loop.begin(self._carry_out(command))

    def poll(self) -> list[AnyEvent]:
        events: list[AnyEvent] = []
        while len(events) < _MOST_AT_ONCE and (event := self._inbox.get(0)) is not None:
            events.append(event)
        return events

    def retry(self) -> None:
        """Try at once, rather than after the wait."""
        self._loop.loop.call_soon_threadsafe(self._hurry.set)

    def close(self) -> None:
        self._loop.close()

    async def _follow(self) -> None:
        wait = FIRST_WAIT_S
        while True:
            try:
                await self._stay()
                wait = FIRST_WAIT_S
            except (OSError, ConnectionClosed, InvalidHandshake, TimeoutError) as error:
                self._lose(error)
            self._client = None
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), wait)
            self._hurry.clear()
            wait = min(2 * wait, LONGEST_WAIT_S)

    async def _stay(self) -> None:
        """Follow one connection, to the end of the stream or of the connection."""
        async with connect(self.where, token=self._token) as client:
            hello = await anext(client)
            if not isinstance(hello, Hello):
                raise ConnectionError(f"{self.where} does not greet as an engine does")
            new = hello.stream != self._stream
            if new:
                self._stream, self._after = hello.stream, 0
            if hello.role == "viewer" and not self._told:
                text = "this engine lets the panel watch, not steer: give its token with --token"
                self._inbox.put(Warned(code="viewer", text=text))
            self._told = True
            if new:  # or else it goes on where it broke off
                self._inbox.put(hello)
            self._client = client
            await client.subscribe(CHANNELS, self._after, self._stream)
            self.phase = Phase.RUNNING
            async for heard in client:
                if isinstance(heard, AudioFrame):
                    continue
                if not isinstance(heard, Progress):
                    self._after = max(self._after, heard.seq)
                if isinstance(heard, Bye):
                    self.phase = Phase.STOPPED
                self._inbox.put(heard)

    def _lose(self, error: Exception) -> None:
        if self.phase in (Phase.RUNNING, Phase.STARTING):
            text = f"the engine at {self.where} cannot be reached: {_reason(error)}"
            self._inbox.put(Failed(code="engine-lost", text=text))
            self.phase = Phase.LOST

    async def _carry_out(self, command: AnyCommand) -> None:
        client = self._client
        if client is None:
            text = "the engine cannot be reached now"
            self._inbox.put(Failed(code="not-possible", text=text, id=command.id))
            return
        try:
            self._inbox.put(Ok(id=command.id, result=await client.command(command)))
        except CommandError as error:
            self._inbox.put(Failed(code=error.code, text=str(error), id=command.id))
        except ConnectionClosed:
            text = "the connection broke before an answer came"
            self._inbox.put(Failed(code="engine-lost", text=text, id=command.id))


def _reason(error: Exception) -> str:
    """Why there is no connection, in words for those who know of none."""
    match error:
        case ConnectionClosed():
            return "the connection broke off"
        case ConnectionRefusedError():
            return "that machine is there, and no engine answers on it"
        case TimeoutError():
            return "there was no answer in time"
    return str(error) or type(error).__name__


def events_url(address: str) -> str:
    """Complete an address: HOST:PORT, http:// and ws:// all lead to ws://HOST:PORT/events.

    Raises: ConfigError if it is none.
    """
    text = address if "://" in address else f"ws://{address}"
    try:
        parts = urlsplit(text)
        port = parts.port or DEFAULT_PORT
    except ValueError as error:
        raise ConfigError(f"wanted ws://HOST:PORT, found {address!r}: {error}") from error
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    if scheme not in ("ws", "wss") or not parts.hostname:
        raise ConfigError(f"wanted ws://HOST:PORT, as ws://127.0.0.1:8765; found {address!r}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{scheme}://{host}:{port}/events"


def token_of(url: str) -> str | None:
    """The control token of an engine of this user on this machine, if it is one."""
    parts = urlsplit(url)
    if parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        return None
    with suppress(StorageError, msgspec.DecodeError):
        return read_tokens(parts.port or DEFAULT_PORT).control
    return None
