"""Follow a running engine from Python, on this machine or another.

async with connect("ws://127.0.0.1:8765/events") as client:
    async for event in client:
        ...

async for event in follow("ws://127.0.0.1:8765/events", channels=["caption"]):
    ...   the same, and when the connection breaks it is made again: every final comes once

Commands need the control token, which `tap_live.service.token_file.read_tokens` finds:

    async with connect(url, token=read_tokens(8765).control) as client:
        await client.command(Mute(id=client.new_id(), on=True))
"""

import asyncio
import itertools
import logging
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from tap_live.errors import CommandError, WireError
from tap_live.events import (
    AnyCommand,
    AnyEvent,
    Bye,
    CommandId,
    Failed,
    Hello,
    Ok,
    Progress,
    Subscribe,
    decode_event,
    encode,
)
from tap_live.service.audio_frames import AudioFrame, unpack

WAITING = 1000  # events that may wait to be read; then the connection is held up
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 10.0  # between attempts to connect again
REFUSED = (400, 401, 403, 404)  # HTTP, where another attempt has the same answer
UNAUTHORISED = 4001  # of WebSocket, likewise
logger = logging.getLogger(__name__)

Heard: TypeAlias = AnyEvent | AudioFrame


class Client:
    """One connection: iterate over what is heard, and send commands, from any task of a loop.

    Raises: ConnectionClosed when the connection ends; WireError if what comes is not ours.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._heard: asyncio.Queue[Heard | ConnectionClosed | WireError] = asyncio.Queue(WAITING)
        self._answers: dict[CommandId, asyncio.Future[Any]] = {}
        self._numbers = itertools.count(1)

    def new_id(self) -> int:
        """An id that no other command of this connection has."""
        return next(self._numbers)

    async def command(self, command: AnyCommand) -> Any:
        """Send a command; return its result. Raises: CommandError if it was not done."""
        answer = self._answers[command.id] = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send(encode(command), text=True)
            return await answer
        finally:
            del self._answers[command.id]

    async def subscribe(
        self, channels: Sequence[str], after: int | None = None, stream: str | None = None
    ) -> Any:
        """Choose what to hear; with `after`, what was missed since that `seq` comes again."""
        command = Subscribe(id=self.new_id(), channels=tuple(channels), after=after, stream=stream)
        return await self.command(command)

    def __aiter__(self) -> AsyncIterator[Heard]:
        return self

    async def __anext__(self) -> Heard:
        heard = await self._heard.get()
        if isinstance(heard, (ConnectionClosed, WireError)):
            raise heard
        return heard

    async def read(self) -> None:
        """Sort what comes, until the connection ends; `connect` runs this."""
        try:
            async for data in self._socket:
                heard = unpack(data) if isinstance(data, bytes) else decode_event(data)
                if isinstance(heard, Ok) or (isinstance(heard, Failed) and heard.id is not None):
                    self._answered(heard)
                else:
                    await self._heard.put(heard)
            await self._socket.recv()  # raises what ended it
        except (ConnectionClosed, WireError) as error:
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(error)
            await self._heard.put(error)

    def _answered(self, heard: Ok | Failed) -> None:
        answer = self._answers.get(heard.id) if heard.id is not None else None
        if answer is None or answer.done():
            return
        if isinstance(heard, Failed):
            answer.set_exception(CommandError(heard.code, heard.text))
            return
        if isinstance(heard.result, dict) and "replayed" in heard.result:
            while not self._heard.empty():  # it comes again
                self._heard.get_nowait()
        answer.set_result(heard.result)


@asynccontextmanager
async def connect(
    url: str, *, token: str | None = None, context: ssl.SSLContext | None = None
) -> AsyncIterator[Client]:
    """Connect to an engine that serves on `url`, as ws://HOST:PORT/events.

    Args:
        token: not needed to read on the engine's own machine.
        context: which certificates of wss:// to trust.
    Raises: OSError or InvalidHandshake if it cannot be reached or refuses.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else None
    async with open_socket(
        url, additional_headers=headers, ssl=context, compression=None
    ) as socket:
        client = Client(socket)
        reading = asyncio.create_task(client.read())
        try:
            yield client
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading


async def follow(
    url: str,
    *,
    channels: Sequence[str] = ("caption",),
    token: str | None = None,
    context: ssl.SSLContext | None = None,
    after: int = 0,
) -> AsyncIterator[Heard]:
    """Yield events up to the stream's `bye`, connecting again as often as it takes.

    Finals come once each and without a gap; partials and levels may repeat. When the
    engine was started anew in between, `hello` tells of another stream.

    Args:
        after: `seq` from which on finals are wanted; 0 begins with all that the engine holds.
    Raises: InvalidStatus or ConnectionClosed if the engine does not let this reader in;
        WireError if what answers is no engine.
    """
    stream: str | None = None
    wait = FIRST_WAIT_S
    while True:
        try:
            async with connect(url, token=token, context=context) as client:
                hello = await anext(client)
                if not isinstance(hello, Hello):
                    found = type(hello).__name__.lower()
                    raise WireError(f"wanted hello as the first event of {url}, found {found}")
                if hello.stream != stream:
                    after = after if stream is None else 0
                    yield hello
                stream, wait = hello.stream, FIRST_WAIT_S
                await client.subscribe(channels, after, stream)
                async for heard in client:
                    if not isinstance(heard, (AudioFrame, Progress)):
                        after = max(after, heard.seq)
                    yield heard
                    if isinstance(heard, Bye):
                        return
        except (OSError, ConnectionClosed, InvalidHandshake) as error:
            if _is_final(error):
                raise
            logger.warning("%s: %s; trying again in %.1f s", url, error, wait)
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_S)


def _is_final(error: Exception) -> bool:
    """Whether the engine answers the same next time: it does not let this reader in."""
    if isinstance(error, InvalidStatus):
        return error.response.status_code in REFUSED
    closed = error.rcvd if isinstance(error, ConnectionClosed) else None
    return closed is not None and closed.code == UNAUTHORISED
