"""A connection that knows whether its reader follows, and is never waited for."""

import asyncio
import socket
from typing import Any, Protocol

from websockets.asyncio.server import ServerConnection

from tap_live.errors import ClosingError
from tap_live.service.access import Role, is_loopback
from tap_live.service.protocol import Session

SEND_BUFFER = 64 * 1024  # bytes that the system keeps for one reader
FLUSH_S = 2.0  # for readers to take the last of it


class Keeper(Protocol):
    """Who looks after connections."""

    def admit(self, connection: "Connection") -> bool:
        """Count a connection in, or refuse it."""
        ...

    def forget(self, connection: "Connection") -> None: ...

    def flush(self, connection: "Connection") -> None:
        """Write what waits: the connection takes more again."""
        ...


class Connection(ServerConnection):
    """One of the library's, on the event loop like all of it.

    `who` is the other end's address; `local` whether both ends are this machine.
    """

    def __init__(self, *args: Any, keeper: Keeper, **options: Any) -> None:
        super().__init__(*args, **options)
        self.role: Role | None = None  # that its request allowed
        self.session: Session | None = None
        self.sending: set[str] = set()  # clips that are not whole yet
        self.blocked = False
        self.cut = False
        self._admitted = False
        self._keeper = keeper

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

    def pause_writing(self) -> None:
        super().pause_writing()
        self.blocked = True

    def resume_writing(self) -> None:
        super().resume_writing()
        self.blocked = False
        self._keeper.flush(self)

    @property
    def behind(self) -> bool:
        """Whether there is something that its reader may still take."""
        if self.session is None or self.cut or self.transport.is_closing():
            return False
        return bool(len(self.session.outbox)) or self.transport.get_write_buffer_size() > 0

    async def end(self, closing: ClosingError) -> None:
        """Close with a code; a reader that does not take it in `FLUSH_S` is hung up on."""
        try:
            async with asyncio.timeout(FLUSH_S):
                await self.close(closing.code, str(closing)[:100])
        except TimeoutError:
            self.transport.abort()
