"""All subscribers of one stream, without their sockets: what is published reaches each outbox.

Everything runs on the service's thread. A hub outlives the server in front of it, so that
those who come back after a restart miss nothing.
"""

import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from tap_live.events import AnyEvent, Bye, Failed, Hello, Ok, Progress, Stats
from tap_live.processor import Audio
from tap_live.service.access import Role
from tap_live.service.audio_frames import AudioFrame, Format
from tap_live.service.history import History
from tap_live.service.outbox import Message
from tap_live.service.protocol import (
    AUDIO_CHANNELS,
    Session,
    audio_message,
    message_of,
)
from tap_live.streams import Stream

LOG_AGAIN_S = 60.0  # a refusal of one kind is logged this often at most
_log = logging.getLogger(__name__)


class Hub:
    """Keep the stream's past, and hand its present to all sessions."""

    def __init__(
        self,
        history: History | None = None,
        now: Callable[[], float] = time.monotonic,
        stream: str | None = None,
    ) -> None:
        self.stream = stream or secrets.token_hex(6)
        self.history = history or History()
        self.sessions: set[Session] = set()
        self.stats: Stats | None = None
        self.ended = False
        self.at = 0.0  # stream seconds of the newest event
        self.refusals: Counter[str] = Counter()
        self.cut_off: Counter[int] = Counter()  # by close code
        self.joined = 0
        self.coalesced = 0  # by sessions that have left
        self._hello: Hello | None = None
        self._now = now
        self._logged: dict[str, float] = {}

    def join(self, session: Session) -> None:
        self.sessions.add(session)
        self.joined += 1

    def leave(self, session: Session) -> None:
        self.sessions.discard(session)
        self.coalesced += session.outbox.coalesced
        if session.closing:
            self.cut_off[session.closing.code] += 1

    def publish(self, event: AnyEvent) -> None:
        """Take an event of the stream."""
        self.at = event.at
        if isinstance(event, Hello):
            self._hello = event
            for session in self.sessions:
                session.greet()
            return
        if isinstance(event, (Ok, Progress)) or (isinstance(event, Failed) and event.id):
            return  # an answer to somebody else
        if isinstance(event, Stats):
            self.stats = event
        self.ended |= isinstance(event, Bye)
        message = message_of(event)
        self.history.take(event, message)
        self._offer(message)

    def wants(self, channel: str) -> bool:
        """Whether somebody asked for a channel."""
        return any(channel in session.channels for session in self.sessions)

    def wanted_audio(self) -> dict[Stream, set[Format]]:
        """Which streams somebody wants, and how."""
        wanted: dict[Stream, set[Format]] = {}
        for channel in frozenset[str]().union(*(session.channels for session in self.sessions)):
            if channel in AUDIO_CHANNELS:
                stream, format = AUDIO_CHANNELS[channel]
                wanted.setdefault(stream, set()).add(format)
        return wanted

    def publish_audio(self, stream: Stream, position: int, samples: Audio) -> None:
        """Take (T,) samples of a stream that somebody wants."""
        if self._hello is None:
            return
        frame = AudioFrame(stream, self._hello.rate, position, samples[:, None])
        for format in self.wanted_audio().get(stream, ()):
            suffix = "" if format == "s16" else f":{format}"
            self._offer(audio_message(f"audio:{stream}{suffix}", frame, format))

    def hello(self, role: Role) -> Hello | None:
        if self._hello is None:
            return None
        return msgspec.structs.replace(self._hello, role=role, stream=self.stream)

    def missed(self, after: int, stream: str | None) -> tuple[Iterable[Message], dict[str, Any]]:
        other = stream not in (None, self.stream)
        after = 0 if other else after
        messages = self.history.since(after)
        about: dict[str, Any] = {"stream": self.stream, "replayed": len(messages)}
        if other:
            about["gone"] = "that stream is over: this is another, from its beginning"
        elif (until := self.history.gone(after)) is not None:
            about["gone"] = f"finals up to {until:.1f} s of the stream are no longer held"
        return messages, about

    def refuse(self, reason: str, who: str) -> None:
        self.refusals[reason] += 1
        now = self._now()
        if now - self._logged.get(reason, -LOG_AGAIN_S) >= LOG_AGAIN_S:
            self._logged[reason] = now
            _log.warning("refused %s: %s (further ones are counted, not logged)", who, reason)

    def _offer(self, message: Message) -> None:
        for session in self.sessions:
            session.offer(message)
