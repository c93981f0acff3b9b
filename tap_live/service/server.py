"""The sockets of the service: WebSocket and HTTP on one port, in a thread of their own.

Threads: `Service` starts two. One (`_pump`) waits for events and hands them over in batches;
the other runs the event loop, which does everything else. Publishers only ever put into the
bus's bounded queue, and the extraction thread into `AudioTap`, so nothing here can hold the
engine up. Commands run on worker threads, one after the other.
"""

import asyncio
import logging
import socket
import ssl
import sys
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.protocol import State

from tap_live.bus import Subscription
from tap_live.errors import ClosingError, ConfigError, RefusedError
from tap_live.events import AnyCommand, AnyEvent
from tap_live.service.access import Access, Role, cookie_name, is_loopback
from tap_live.service.commands import Commands, Control
from tap_live.service.hub import Hub
from tap_live.service.protocol import MAX_MESSAGE, Session
from tap_live.service.site import EXCHANGE, LINK, SOCKET_PATHS, Reply, Site, headers_of, refusal
from tap_live.service.tap import AudioTap
from tap_live.streams import samples_of

WRITE_AT_ONCE = 64 * 1024  # bytes
SEND_BUFFER = 64 * 1024  # bytes that the system keeps for one reader
CHECK_S = 1.0
AUDIO_S = 0.02
POLL_S = 0.1  # in which the pump notices that it has to stop
RESERVED_FILES = 200  # that the rest of the program may have open
FLUSH_S = 2.0  # for readers to take the last events
_log = logging.getLogger(__name__)
_wire_log = logging.getLogger(f"{__name__}.wire")  # of the library: a stranger could fill it
_wire_log.setLevel(logging.CRITICAL)


@dataclass(frozen=True, kw_only=True)
class ServiceConfig:
    """Where the service listens, and what it bears."""

    host: str = "127.0.0.1"
    port: int = 8765  # 0 takes any that is free
    certificate: ssl.SSLContext | None = None
    connections: int = 800
    connections_of_one: int = 100  # address; not of this machine
    handshake_s: float = 5.0
    ping_s: float = 10.0  # a reader who does not answer for twice that is gone


class Service:
    """Serve a hub inside a `with`; after it no thread is left.

    Args:
        events: what is published.
        control: what carries out commands.
        tap: where audio comes from, for those who ask for it.
        show_spectra: turns spectra on while somebody asks for them, and off.
    Raises: ConfigError on entering, if the address cannot be listened on.
    """

    def __init__(
        self,
        config: ServiceConfig,
        hub: Hub,
        access: Access,
        events: Subscription,
        control: Control,
        tap: AudioTap | None = None,
        show_spectra: Callable[[bool], None] = lambda on: None,
    ) -> None:
        self.port = config.port
        self._config, self._hub, self._access = config, hub, access
        self._events, self._tap = events, tap or AudioTap()
        self._show_spectra, self._spectra_shown = show_spectra, False
        self._commands = Commands(control)
        self._site = Site(hub)
        self._connections: set[_Connection] = set()
        self._most = min(config.connections, max(1, _open_files() - RESERVED_FILES))
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    def __enter__(self) -> Self:
        started: Future[None] = Future()
        self._thread = Thread(target=self._run, args=(started,), name="service")
        self._thread.start()
        try:
            started.result()
        except OSError as error:
            self._thread.join()
            where = f"{self._config.host}:{self._config.port}"
            raise ConfigError(
                f"cannot serve on {where}: {error.strerror or error}; choose another with --serve"
            ) from error
        self._pump_thread = Thread(target=self._pump, name="service-events")
        self._pump_thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stopping = True
        self._pump_thread.join()
        with suppress(RuntimeError):  # it has stopped by itself, and logged why
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._commands.close()

    def _pump(self) -> None:
        """Hand over events, as many as wait, and only then take more."""
        ended = False
        while not ended:
            ended = self._stopping  # asked before the queue is empty: nothing is left in it
            batch: list[AnyEvent] = []
            event = self._events.get(0 if ended else POLL_S)
            while event is not None:
                batch.append(event)
                event = self._events.get(0) if len(batch) < self._events.capacity else None
            if batch:
                ended = not self._hand_over(batch)

    def _hand_over(self, batch: list[AnyEvent]) -> bool:
        """Wait until a batch is published; False if the event loop is no more."""
        done = Event()
        try:
            self._loop.call_soon_threadsafe(self._publish, batch, done)
        except RuntimeError:
            return False
        while not done.wait(CHECK_S):
            if not self._thread.is_alive():
                return False
        return True

    def _run(self, started: "Future[None]") -> None:
        try:
            asyncio.run(self._main(started))
        except Exception as error:
            if started.done():
                _log.exception("the service stopped")
            else:
                started.set_exception(error)

    async def _main(self, started: "Future[None]") -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with self._listen() as server:
            self.port = server.sockets[0].getsockname()[1]
            tasks = [asyncio.create_task(work()) for work in (self._check, self._sound)]
            started.set_result(None)
            await self._stop.wait()
            for task in tasks:
                task.cancel()
            await self._drain()
            await self._end_all()
            server.close()

    def _listen(self) -> Server:
        config = self._config
        return serve(
            self._serve,
            config.host,
            config.port,
            ssl=config.certificate,
            compression=None,  # a frame is made once for all
            process_request=self._request,
            server_header=None,
            open_timeout=config.handshake_s,
            ping_interval=config.ping_s,
            ping_timeout=config.ping_s,
            close_timeout=FLUSH_S,
            max_size=MAX_MESSAGE,
            max_queue=4,
            write_limit=WRITE_AT_ONCE,
            logger=_wire_log,
            create_connection=partial(_Connection, service=self),  # type: ignore[arg-type]
        )

    # on the event loop

    def _publish(self, batch: list[AnyEvent], done: Event) -> None:
        try:
            for event in batch:
                self._hub.publish(event)
            self._flush_all()
        finally:
            done.set()

    def _flush_all(self) -> None:
        for connection in self._connections:
            self.flush(connection)

    def flush(self, connection: "_Connection") -> None:
        """Write what waits for a reader, as much as its connection takes."""
        session = connection.session
        if session is None or connection.protocol.state is not State.OPEN:
            return
        if connection.transport.is_closing():
            return
        if session.closing:
            self._cut(connection, session.closing)
            return
        while not connection.blocked and len(session.outbox):
            connection.transport.write(session.outbox.take(WRITE_AT_ONCE))
        session.wrote(connection.blocked, self._loop.time())

    async def _serve(self, connection: ServerConnection) -> None:
        """One subscriber, until it leaves."""
        assert isinstance(connection, _Connection)
        who = connection.who
        session = Session(self._hub, self._access, connection.role, who, self._loop.time())
        connection.session = session
        self._hub.join(session)
        try:
            self.flush(connection)
            async for data in connection:
                self._take(connection, session, data)
        except ConnectionClosed as error:
            if error.sent and error.sent.code == CloseCode.INTERNAL_ERROR:  # no answer to a ping
                session.closing = session.closing or ClosingError(int(error.sent.code), "no answer")
        finally:
            self._hub.leave(session)

    def _take(self, connection: "_Connection", session: Session, data: str | bytes) -> None:
        if session.closing:
            return
        try:
            command = session.receive(data, self._loop.time())
        except ClosingError as closing:
            self._cut(connection, closing)
            return
        if command:
            self._keep(asyncio.create_task(self._carry_out(connection, session, command)))
        self.flush(connection)

    async def _carry_out(
        self, connection: "_Connection", session: Session, command: AnyCommand
    ) -> None:
        def tell(event: AnyEvent) -> None:
            session.answer(event)
            self.flush(connection)

        loop = self._loop
        answer = await self._commands.carry_out(
            command, lambda event: loop.call_soon_threadsafe(tell, event)
        )
        tell(answer)

    def _cut(self, connection: "_Connection", closing: ClosingError) -> None:
        """End a connection from our side, with a code; it has `FLUSH_S` to take that."""
        assert connection.session is not None
        connection.session.closing = closing
        if not connection.cut:
            connection.cut = True
            self._keep(asyncio.create_task(connection.end(closing)))

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _check(self) -> None:
        """Look after readers who do nothing."""
        while True:
            await asyncio.sleep(CHECK_S)
            for connection in self._connections:
                if connection.session:
                    try:
                        connection.session.check(self._loop.time())
                    except ClosingError as closing:
                        self._cut(connection, closing)

    async def _sound(self) -> None:
        """Hand on audio while somebody wants it, and have spectra made."""
        while True:
            if self._hub.wants("spectrum") != self._spectra_shown:
                self._spectra_shown = not self._spectra_shown
                self._show_spectra(self._spectra_shown)
            wanted = self._hub.wanted_audio()
            self._tap.turn(bool(wanted))
            heard = self._tap.take()
            for position, mixed in heard:
                for stream in wanted:
                    self._hub.publish_audio(stream, position, samples_of(mixed, stream))
            if heard:
                self._flush_all()
            await asyncio.sleep(AUDIO_S if wanted else POLL_S)

    async def _drain(self) -> None:
        """Give readers a moment to take the last events."""
        until = self._loop.time() + FLUSH_S
        while self._loop.time() < until and any(map(_is_behind, self._connections)):
            await asyncio.sleep(AUDIO_S)

    async def _end_all(self) -> None:
        """Close all connections, also of those who do not read."""
        why = "the stream has ended" if self._hub.ended else "the service stops"
        closing = ClosingError(CloseCode.GOING_AWAY, why)
        open_ones = [connection for connection in self._connections if connection.session]
        await asyncio.gather(*(connection.end(closing) for connection in open_ones))

    def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer HTTP, or return None to go on with WebSocket."""
        assert isinstance(connection, _Connection)
        host = "localhost"
        try:
            host = self._access.check(request.headers)
            reply = self._reply(connection, request, host)
        except RefusedError as error:
            self._hub.refuse(error.reason, connection.who)
            reply = refusal(error)
        if reply is None:
            return None
        status = HTTPStatus(reply.status)
        headers = Headers(headers_of(reply, host))
        return Response(status.value, status.phrase, headers, reply.body)

    def _reply(self, connection: "_Connection", request: Request, host: str) -> Reply | None:
        path, headers = request.path.partition("?")[0], request.headers
        if request.method != "GET":
            raise RefusedError(405, "method", "this server answers GET and nothing else")
        if path == EXCHANGE:
            cookie = self._access.exchange(headers, cookie_name(self.port))
            return Reply(b"welcome\n", headers={"Set-Cookie": cookie})
        role = self._access.role_of_request(headers, local=connection.local)
        if "Upgrade" not in headers:
            return self._link(host, role) if path == LINK else self._site.get(path, role)
        if path not in SOCKET_PATHS:
            raise RefusedError(404, "path", f"subscribers connect to {' or '.join(SOCKET_PATHS)}")
        if role is None and "Origin" in headers:
            raise RefusedError(401, "token", "wanted a browser that came by a link")
        connection.role = role
        return None

    def _link(self, host: str, role: Role | None) -> Reply:
        if role != "controller":
            raise RefusedError(401, "token", "links are made for who has the control token")
        return Reply(f"{self._access.link(host)}\n".encode())

    def admit(self, connection: "_Connection") -> bool:
        """Count a connection in, unless there are too many."""
        others = sum(other.who == connection.who for other in self._connections)
        if len(self._connections) >= self._most or (
            others >= self._config.connections_of_one and not connection.local
        ):
            self._hub.refuse("connections", connection.who)
            return False
        self._connections.add(connection)
        return True

    def forget(self, connection: "_Connection") -> None:
        self._connections.discard(connection)


class _Connection(ServerConnection):
    """A connection that knows whether its reader follows."""

    def __init__(self, *args: Any, service: Service, **options: Any) -> None:
        super().__init__(*args, **options)
        self.role: Role | None = None
        self.session: Session | None = None
        self.blocked = False
        self.cut = False
        self.admitted = False
        self._service = service

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        ends = [str(transport.get_extra_info(end)[0]) for end in ("peername", "sockname")]
        self.who, self.local = ends[0], all(map(is_loopback, ends))
        self.admitted = self._service.admit(self)
        if not self.admitted:
            transport.abort()
            return
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.admitted:
            self._service.forget(self)
            super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.blocked = True

    def resume_writing(self) -> None:
        super().resume_writing()
        self.blocked = False
        self._service.flush(self)

    async def end(self, closing: ClosingError) -> None:
        """Close with a code; a reader that does not take it in `FLUSH_S` is hung up on."""
        try:
            async with asyncio.timeout(FLUSH_S):
                await self.close(closing.code, str(closing)[:100])
        except TimeoutError:
            self.transport.abort()


def _is_behind(connection: _Connection) -> bool:
    session = connection.session
    if session is None or connection.cut or connection.transport.is_closing():
        return False
    return bool(len(session.outbox)) or connection.transport.get_write_buffer_size() > 0


def _open_files() -> int:
    """How many files, and so connections, the system lets this program have."""
    if sys.platform == "win32":
        return 1 << 16
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
