"""What a subscriber who comes later, or comes back, is told: all finals, the last of the rest."""

from bisect import bisect_right
from collections.abc import Hashable

from tap_live.events import (
    AnyEvent,
    Bye,
    Caption,
    Device,
    Level,
    Spectrum,
    Stats,
    Target,
    Warned,
    decode_event,
)
from tap_live.service.outbox import Message

FINALS = 30_000  # held, some 20 MB; six hours of speech without a pause
FORGET = 1_000  # at a time, when there are more
PARTIALS = 16  # one of a captioner that began anew never turns final


def key_of(event: AnyEvent) -> Hashable:
    """Name what a newer event of its kind replaces; None if nothing does."""
    match event:
        case Caption(id=id):
            return "caption", id
        case Level() | Stats() | Bye():
            return type(event)
        case Spectrum(stream=stream):
            return "spectrum", stream
        case Target(name=name):
            return "target", name
        case Device(role=role):
            return "device", role
        case Warned(code=code):
            return "warning", code
    return None


class History:
    """Keep what events said; bounded, so a long stream forgets its first finals."""

    def __init__(self, most: int = FINALS) -> None:
        self.finals = 0  # so far
        self.forgotten_until: float | None = None  # stream seconds; finals before are gone
        self._most = most
        self._forgotten_seq = 0
        self._seqs: list[int] = []
        self._finals: list[Message] = []  # as they were sent: events would be five times as large
        self._partials: dict[Hashable, tuple[int, Message]] = {}
        self._last: dict[Hashable, tuple[int, Message]] = {}

    def take(self, event: AnyEvent, message: Message) -> None:
        """Keep an event, and the message that it is to subscribers."""
        key = key_of(event)
        if isinstance(event, Caption) and event.state == "final":
            self._partials.pop(key, None)
            self._keep(event, message)
        elif isinstance(event, Caption):
            self._partials.pop(key, None)
            self._partials[key] = event.seq, message
            if len(self._partials) > PARTIALS:
                del self._partials[next(iter(self._partials))]
        elif key is not None:
            self._last[key] = event.seq, message

    def captions(self, skip: int = 0) -> list[Caption]:
        """Return the finals that are held, without the first `skip` of the stream."""
        forgotten = self.finals - len(self._finals)
        return [_caption(message) for message in self._finals[max(0, skip - forgotten) :]]

    def since(self, after: int) -> list[Message]:
        """Return the finals after an event's `seq`, then the last of everything else."""
        finals = self._finals[bisect_right(self._seqs, after) :]
        rest = sorted([*self._last.values(), *self._partials.values()], key=lambda item: item[0])
        return finals + [message for seq, message in rest if seq > after]

    def gone(self, after: int) -> float | None:
        """Say until when finals since `after` are forgotten, in stream seconds; None if none is."""
        return self.forgotten_until if after < self._forgotten_seq else None

    def _keep(self, caption: Caption, message: Message) -> None:
        self.finals += 1
        self._seqs.append(caption.seq)
        self._finals.append(message)
        if len(self._finals) >= self._most + min(FORGET, self._most):
            drop = len(self._finals) - self._most
            last = _caption(self._finals[drop - 1])
            self._forgotten_seq, self.forgotten_until = last.seq, last.end
            del self._finals[:drop], self._seqs[:drop]


def _caption(message: Message) -> Caption:
    event = decode_event(message.payload)
    assert isinstance(event, Caption), "only finals are asked for"
    return event
