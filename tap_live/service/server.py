"""The sockets of the service: WebSocket and HTTP on one port, in a thread of their own.

Threads: `Service` starts two. One (`_pump`) waits for events and hands them over in batches;
the other runs the event loop, which does everything else. Publishers only ever put into the
bus's bounded queue, and the extraction thread into `AudioTap`, so nothing here can hold the
engine up. Commands run on worker threads, one after the other.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from threading import Event, Thread
from types import TracebackType
from typing import Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.protocol import State

from tap_live.bus import Subscription
from tap_live.errors import AddressError, ClosingError
from tap_live.events import AnyCommand, AnyEvent, Ok, SendClip
from tap_live.service.access import Access
from tap_live.service.commands import Commands, Control
from tap_live.service.connection import FLUSH_S, REPLY_S, Connection
from tap_live.service.front import Front
from tap_live.service.hub import Hub
from tap_live.service.protocol import MAX_MESSAGE, Session
from tap_live.service.tap import AudioTap
from tap_live.service.visitors import Visitors
from tap_live.streams import samples_of

WRITE_AT_ONCE = 64 * 1024  # bytes
CHECK_S = 1.0
AUDIO_S = 0.02
POLL_S = 0.1  # in which the pump notices that it has to stop
ENDINGS: dict[int, str] = {  # by the library, whose close codes these are
    CloseCode.PROTOCOL_ERROR: "protocol",
    CloseCode.INVALID_DATA: "protocol",
    CloseCode.MESSAGE_TOO_BIG: "size",
    CloseCode.INTERNAL_ERROR: "silence",
}
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
    Raises: AddressError on entering, if the address cannot be listened on.
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
        self._front = Front(access, hub)
        self._visitors = Visitors(hub, config.connections, config.connections_of_one)
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
            raise AddressError(
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
            for task in tasks:
                task.add_done_callback(_tell_mistake)
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
            ssl_handshake_timeout=config.handshake_s if config.certificate else None,
            ssl_shutdown_timeout=REPLY_S if config.certificate else None,
            compression=None,  # a frame is made once for all
            process_request=self._request,
            server_header=None,
            open_timeout=None,  # `Connection` sees to it
            ping_interval=config.ping_s,
            ping_timeout=config.ping_s,
            close_timeout=FLUSH_S,
            max_size=MAX_MESSAGE,
            max_queue=4,
            write_limit=WRITE_AT_ONCE,
            logger=_wire_log,
            # the library's type asks for a class; it only calls it
            create_connection=partial(  # type: ignore[arg-type]
                Connection,
                keeper=self._visitors,
                flush=self.flush,
                handshake_s=config.handshake_s,
            ),
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
        for connection in self._visitors:
            self.flush(connection)

    def flush(self, connection: Connection) -> None:
        """Write what waits for a reader, as much as its connection takes."""
        session = connection.session
        if session is None or connection.protocol.state is not State.OPEN:
            return
        if connection.transport.is_closing():
            return
        if session.closing:
            self._cut(connection, session.closing)
            return
        if connection.blocked:
            return  # it took nothing since: how long that may last, its session knows
        while not connection.blocked and len(session.outbox):
            connection.transport.write(session.outbox.take(WRITE_AT_ONCE))
        session.wrote(connection.blocked, self._loop.time())

    async def _serve(self, connection: ServerConnection) -> None:
        """One subscriber, until it leaves."""
        assert isinstance(connection, Connection)
        who = connection.who
        session = Session(self._hub, self._access, connection.role, who, self._loop.time())
        connection.session = session
        self._hub.join(session)
        try:
            self.flush(connection)
            async for data in connection:
                self._take(connection, session, data)
        except ConnectionClosed as error:
            if error.sent and not error.rcvd_then_sent:
                self._ended(connection, session, error.sent.code)
        except Exception:
            _log.exception("a connection was ended by a mistake of ours")
            session.closing = ClosingError(CloseCode.INTERNAL_ERROR, "a mistake of ours")
            raise  # the library closes with this code
        finally:
            self._hub.leave(session)
            while connection.sending:
                await self._commands.drop(connection.sending.pop())

    def _ended(self, connection: Connection, session: Session, code: int) -> None:
        """Count a connection that the library ended for what came, or for no answer to a ping."""
        if session.closing or code not in ENDINGS:
            return
        session.closing = ClosingError(code, ENDINGS[code])
        if code != CloseCode.INTERNAL_ERROR:
            self._visitors.refuse(ENDINGS[code], connection)

    def _take(self, connection: Connection, session: Session, data: str | bytes) -> None:
        if session.closing:
            return
        try:
            command = session.receive(data, self._loop.time())
        except ClosingError as closing:
            self._cut(connection, closing)
            return
        if isinstance(command, SendClip):
            connection.sending.add(command.name)
        if command:
            self._keep(asyncio.create_task(self._carry_out(connection, session, command)))
        self.flush(connection)

    async def _carry_out(
        self, connection: Connection, session: Session, command: AnyCommand
    ) -> None:
        def tell(event: AnyEvent) -> None:
            session.answer(event)
            self.flush(connection)

        loop = self._loop
        answer = await self._commands.carry_out(
            command, lambda event: loop.call_soon_threadsafe(tell, event)
        )
        if isinstance(command, SendClip) and command.last and isinstance(answer, Ok):
            connection.sending.discard(command.name)
        tell(answer)

    def _cut(self, connection: Connection, closing: ClosingError) -> None:
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
            for connection in self._visitors:
                if connection.session:
                    try:
                        connection.session.check(self._loop.time())
                    except ClosingError as closing:
                        self._cut(connection, closing)
                else:
                    connection.hang_up_if_answered()

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
        while self._loop.time() < until and any(connection.behind for connection in self._visitors):
            await asyncio.sleep(AUDIO_S)

    async def _end_all(self) -> None:
        """Close all connections, also of those who do not read."""
        why = "the stream has ended" if self._hub.ended else "the service stops"
        closing = ClosingError(CloseCode.GOING_AWAY, why)
        await asyncio.gather(*(connection.end(closing) for connection in self._visitors))

    def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer HTTP, or return None to go on with WebSocket."""
        assert isinstance(connection, Connection)
        try:
            response, connection.role = self._front.receive(
                request, who=connection.who, local=connection.local, port=self.port
            )
        except Exception:
            _log.exception("a request was not answered for a mistake of ours")
            return connection.respond(HTTPStatus.INTERNAL_SERVER_ERROR, "the log says why\n")
        if response:
            connection.reply()
        return response


def _tell_mistake(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()):
        _log.error("a part of the service stopped", exc_info=error)
