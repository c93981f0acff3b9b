"""One subscriber's side of the wire, without its socket.

session = Session(hub, access, role="viewer", who="127.0.0.1", now=now())
command = session.receive(data, now())   what the engine has to do, if anything
session.outbox.take(65536)               what goes over the wire

All of a session runs on one thread. Close codes beside the protocol's own are in `CloseCode`.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Any, Protocol

import msgspec
from websockets.frames import Frame, Opcode

from tap_live.bus import replaceable
from tap_live.errors import ClosingError, RefusedError, WireError
from tap_live.events import (
    AnyCommand,
    AnyEvent,
    Authenticate,
    Bye,
    CommandId,
    Failed,
    Hello,
    Ok,
    Progress,
    Subscribe,
    decode_command,
    encode,
)
from tap_live.service.access import Access, Role
from tap_live.service.allowance import Allowance
from tap_live.service.audio_frames import FORMATS, AudioFrame, Format, pack
from tap_live.service.history import key_of
from tap_live.service.outbox import Message, Outbox
from tap_live.streams import STREAMS

ANSWER = "answer"  # the channel of what goes to one subscriber whatever it chose
EVENT_CHANNELS = frozenset(
    ("caption", "level", "target", "spectrum", "stats", "device", "warning", "error")
)
AUDIO_CHANNELS = {
    f"audio:{stream}" + ("" if format == "s16" else f":{format}"): (stream, format)
    for stream in STREAMS
    for format in FORMATS
}
DEFAULT_CHANNELS = EVENT_CHANNELS - {"spectrum"}

MAX_MESSAGE = 16 * 1024  # bytes that a subscriber may send at once
AUTHENTICATE_S = 5.0  # in which a stranger has to show a token
STALLED_S = 10.0  # in which a reader who is behind has to take something
MESSAGES_A_SECOND, MESSAGES_AT_ONCE = 20.0, 60.0
REPLAY_COST = 5.0  # messages
MOST_GARBAGE = 10  # messages that are no commands


class CloseCode(IntEnum):
    """Why the server ended a connection; 1001 is that it stops."""

    SLOW = 4000  # could not follow
    UNAUTHORISED = 4001
    FLOOD = 4002  # too many messages
    GARBAGE = 4003  # too many that are no commands


class Feed(Protocol):
    """What all sessions have in common."""

    def hello(self, role: Role) -> Hello | None:
        """Return what a subscriber is greeted with; None until a stream begins."""
        ...

    def missed(self, after: int, stream: str | None) -> tuple[Iterable[Message], dict[str, Any]]:
        """Return what to replay, and what to say about it."""
        ...

    def refuse(self, reason: str, who: str) -> None:
        """Count a refusal, and log it unless it was lately."""
        ...


def text_frame(data: bytes) -> bytes:
    """Frame JSON as a server does: alike for all, so once is enough."""
    return Frame(Opcode.TEXT, data).serialize(mask=False)


def message_of(event: AnyEvent) -> Message:
    """Write an event once for all who want it."""
    channel = str(event.__struct_config__.tag)
    if isinstance(event, (Hello, Ok, Progress, Bye)) or (
        isinstance(event, Failed) and event.id is not None
    ):
        channel = ANSWER
    lasting = not replaceable(event)
    return Message(text_frame(encode(event)), channel, key_of(event), lasting)


def audio_message(channel: str, frame: AudioFrame, format: Format) -> Message:
    """Write audio once for all who want it so; a reader who is behind gets the newest."""
    data = Frame(Opcode.BINARY, pack(frame, format)).serialize(mask=False)
    return Message(data, channel, channel, lasting=False)


class Session:
    """What one connection may do, wants, and still has to get.

    Args:
        role: what its request allowed; None if it has to show a token first.
        who: its address, for the log.
        now: seconds of any clock that only goes forward; the same in all calls.
    """

    def __init__(self, feed: Feed, access: Access, role: Role | None, who: str, now: float) -> None:
        self.role = role
        self.who = who
        self.channels = DEFAULT_CHANNELS
        self.outbox = Outbox()
        self.greeted = False
        self.closing: ClosingError | None = None  # why the connection has to end
        self._feed, self._access = feed, access
        self._began = now
        self._allowance = Allowance(MESSAGES_A_SECOND, MESSAGES_AT_ONCE, now)
        self._garbage = 0
        self._blocked_since: float | None = None
        self.greet()

    def greet(self) -> None:
        """Say hello, once, to one who may hear it."""
        hello = self._feed.hello(self.role) if self.role and not self.greeted else None
        if hello:
            self.greeted = True
            self.answer(hello)

    def offer(self, message: Message) -> None:
        """Queue a message if it is wanted."""
        if (message.channel in self.channels or message.channel == ANSWER) and self.greeted:
            self._put(message)

    def answer(self, event: AnyEvent) -> None:
        """Queue an event for this subscriber alone."""
        self._put(message_of(event))

    def receive(self, data: str | bytes, now: float) -> AnyCommand | None:
        """Take one message; return a command that is for the engine.

        Raises: ClosingError if the connection has to end.
        """
        self._spend(1.0, now)
        if isinstance(data, bytes):
            self._misunderstood("wanted a JSON command as text, found a binary message")
            return None
        try:
            command = decode_command(data)
        except WireError as error:
            self._misunderstood(str(error), _id_of(data))
            return None
        if isinstance(command, Authenticate):
            self._authenticate(command)
        elif self.role is None:
            self._feed.refuse("token", self.who)
            raise ClosingError(CloseCode.UNAUTHORISED, "wanted a token in the first message")
        elif isinstance(command, Subscribe):
            self._subscribe(command, now)
        elif self.role == "controller":
            return command
        else:
            self._feed.refuse("viewer", self.who)
            text = "commands need the control token: authenticate with it first"
            self.answer(Failed(code="not-allowed", text=text, id=command.id))
        return None

    def wrote(self, blocked: bool, now: float) -> None:
        """Hear that something was handed to the connection, and whether it took all of it."""
        self._blocked_since = now if blocked else None

    def check(self, now: float) -> None:
        """Raises: ClosingError if the connection has to end for what it did not do."""
        if self.closing:
            raise self.closing
        if self.role is None and now - self._began > AUTHENTICATE_S:
            self._feed.refuse("token", self.who)
            raise ClosingError(
                CloseCode.UNAUTHORISED, f"no token came within {AUTHENTICATE_S:.0f} s"
            )
        if self._blocked_since is not None and now - self._blocked_since > STALLED_S:
            raise ClosingError(CloseCode.SLOW, f"nothing was read for {STALLED_S:.0f} s")

    def _put(self, message: Message) -> None:
        if not self.outbox.put(message):
            self.closing = ClosingError(CloseCode.SLOW, "too much is waiting to be read")

    def _spend(self, cost: float, now: float) -> None:
        if not self._allowance.spend(cost, now):
            self._feed.refuse("flood", self.who)
            raise ClosingError(
                CloseCode.FLOOD, f"at most {MESSAGES_A_SECOND:.0f} messages a second"
            )

    def _misunderstood(self, text: str, id: CommandId | None = None) -> None:
        self._garbage += 1
        if self.role is None or self._garbage >= MOST_GARBAGE:
            self._feed.refuse("garbage", self.who)
            raise ClosingError(CloseCode.GARBAGE, "messages are JSON commands: see /schema.json")
        self.answer(Failed(code="not-understood", text=text, id=id))

    def _authenticate(self, command: Authenticate) -> None:
        try:
            role = self._access.role_of_token(command.token)
        except RefusedError as error:
            self._feed.refuse(error.reason, self.who)
            raise ClosingError(CloseCode.UNAUTHORISED, str(error)) from None
        if self.role != "controller":
            self.role = role
        self.answer(Ok(id=command.id, result={"role": self.role}))
        self.greet()

    def _subscribe(self, command: Subscribe, now: float) -> None:
        unknown = [c for c in command.channels if c not in EVENT_CHANNELS | AUDIO_CHANNELS.keys()]
        if unknown:
            known = ", ".join([*sorted(EVENT_CHANNELS), *AUDIO_CHANNELS])
            text = f"wanted channels out of {known}; found {unknown[0]!r}"
            self.answer(Failed(code="no-such-channel", text=text[:1000], id=command.id))
            return
        self.channels = frozenset(command.channels)
        result: dict[str, Any] = {"channels": sorted(self.channels)}
        if command.after is None:
            self.answer(Ok(id=command.id, result=result))
            return
        self._spend(REPLAY_COST, now)
        messages, about = self._feed.missed(command.after, command.stream)
        self.answer(Ok(id=command.id, result=result | about))
        wanted = self.channels | {ANSWER}
        self.outbox.replay(message for message in messages if message.channel in wanted)


class _Identified(msgspec.Struct):
    id: CommandId


def _id_of(data: str) -> CommandId | None:
    """The id that a message carried which is no command, so that its error can carry it too."""
    try:
        return msgspec.json.decode(data, type=_Identified).id
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
