"""A connection that knows whether its reader follows, is never waited for, and bears no flood.

Messages have their own limit (`Session`). Here it is all that comes, before it is looked at:
bytes, reads, and the fragments and pings that are no messages.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request
from websockets.protocol import Event, State

from tap_live.errors import ClosingError
from tap_live.service.access import Role, is_loopback
from tap_live.service.allowance import Allowance
from tap_live.service.protocol import (
    MAX_MESSAGE,
    MESSAGES_A_SECOND,
    MESSAGES_AT_ONCE,
    CloseCode,
    Session,
)

SEND_BUFFER = 64 * 1024  # bytes that the system keeps for one reader
FLUSH_S = 2.0  # for readers to take the last of it
REPLY_S = 60.0  # for an answer of HTTP to be taken

PIECE = 1024  # bytes that are parsed before the next look at what they cost
FRAME_COST = 4096  # bytes that a frame counts for beside its own, so that pings are not free
READ_COST = 256  # bytes that a read counts for beside its own
MESSAGE_COST = MAX_MESSAGE + FRAME_COST + 16 * READ_COST  # the longest, in a network's packets


class Keeper(Protocol):
    """Who looks after connections."""

    def admit(self, connection: "Connection") -> bool:
        """Count a connection in, or refuse it."""
        ...

    def forget(self, connection: "Connection") -> None: ...

    def refuse(self, reason: str, connection: "Connection") -> None:
        """Count a refusal."""
        ...


class Connection(ServerConnection):
    """One of the library's, on the event loop like all of it.

    `who` is the other end's address; `local` whether both ends are this machine.

    Args:
        flush: writes what waits; called when the connection takes more again.
        handshake_s: in which a request has to be whole.
    """

    def __init__(
        self,
        *args: Any,
        keeper: Keeper,
        flush: Callable[["Connection"], None],
        handshake_s: float,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.role: Role | None = None  # that its request allowed
        self.session: Session | None = None
        self.sending: set[str] = set()  # clips that are not whole yet
        self.blocked = False
        self.cut = False
        self._admitted = False
        self._malformed = False
        self._answered: float | None = None  # when its answer was last still being taken
        self._flooding = False
        self._keeper, self._flush, self._handshake_s = keeper, flush, handshake_s
        self._allowance = Allowance(
            MESSAGES_A_SECOND * MESSAGE_COST, MESSAGES_AT_ONCE * MESSAGE_COST, self.loop.time()
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        ends = [transport.get_extra_info(end) for end in ("peername", "sockname")]
        addresses = [str(end[0]) if end else "" for end in ends]  # none if it has gone already
        self.who, self.local = addresses[0], all(map(is_loopback, addresses))
        self._admitted = self._keeper.admit(self)
        if not self._admitted:
            transport.abort()
            return
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._admitted:
            self._keeper.forget(self)
            super().connection_lost(exc)

    async def handshake(self, *args: Any, **options: Any) -> None:
        """Take a request and answer it. Raises: TimeoutError."""
        try:
            async with asyncio.timeout(self._handshake_s) as self._patience:
                await super().handshake(*args, **options)
        except TimeoutError:
            if self.request is None and not self._malformed:
                self._keeper.refuse("handshake", self)
            elif self.transport.get_write_buffer_size():
                self._keeper.refuse("unread", self)
            raise

    def reply(self) -> None:
        """Let the answer to a request take `REPLY_S`, however short the handshake has to be."""
        self._answered = self.loop.time()
        self._patience.reschedule(self._answered + REPLY_S)
        self.close_timeout = None

    def hang_up_if_answered(self) -> None:
        """Do not wait for who has had its answer and stays."""
        now = self.loop.time()
        if self._answered is None:
            return
        if self.transport.get_write_buffer_size():
            self._answered = now
        elif now - self._answered > FLUSH_S:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if not self._admitted or not self._spend(READ_COST):
            return
        for begin in range(0, len(data), PIECE):
            piece = data[begin : begin + PIECE]
            if not self._spend(len(piece)):
                return
            super().data_received(piece)
        wire = self.protocol
        if wire.state is not State.CONNECTING or self._malformed:
            return
        if wire.handshake_exc or wire.parser_exc:  # no request, or more than one
            self._malformed = True
            self._keeper.refuse("request", self)

    def process_event(self, event: Event) -> None:
        if isinstance(event, Request) or self._spend(FRAME_COST):
            super().process_event(event)

    def send_data(self) -> None:
        """Write answers to pings as one: asyncio logs each write to a peer that has left."""
        answers = self.protocol.data_to_send()
        if data := b"".join(answers):
            self.transport.write(data)
        if b"" not in answers:  # which stands for the end
            return
        if self.transport.can_write_eof():
            with suppress(OSError):
                self.transport.write_eof()
        else:
            self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.blocked = True
        if self.session:  # what filled it may have been an answer to a ping
            self.session.wrote(True, self.loop.time())

    def resume_writing(self) -> None:
        super().resume_writing()
        self.blocked = False
        self._flush(self)

    @property
    def behind(self) -> bool:
        """Whether there is something that its reader may still take."""
        if self.cut or self.transport.is_closing():
            return False
        waiting = len(self.session.outbox) if self.session else 0
        return waiting + self.transport.get_write_buffer_size() > 0

    async def end(self, closing: ClosingError) -> None:
        """Close with a code; a reader that does not take it in `FLUSH_S` is hung up on."""
        if self.session is None:  # it has had its answer, or never asked
            self.transport.abort()
            return
        try:
            async with asyncio.timeout(FLUSH_S):
                await self.close(closing.code, str(closing)[:100])
        except TimeoutError:
            self.transport.abort()

    def _spend(self, cost: float) -> bool:
        """Pay for what came; who cannot is hung up on."""
        if self._flooding:
            return False
        if self._allowance.spend(cost, self.loop.time()):
            return True
        self._flooding = True
        if self.session is None or not self.session.closing:
            self._keeper.refuse("flood", self)
        if self.session and not self.session.closing:
            self.session.closing = ClosingError(CloseCode.FLOOD, "too much came at once")
        self.transport.abort()
        return False
