"""What every source of a stream has in common."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias

from tap_live.errors import TapError
from tap_live.events import Device, Warned
from tap_live.processor import Audio
from tap_live.ring import RingBuffer

Tell: TypeAlias = Callable[[Device | Warned], None]
"""Takes what happens to a source; called from a thread of the source, never from its callback."""


class Sink(Protocol):
    """Where a source puts its samples; one thread at a time writes."""

    def write(self, block: Audio) -> None:
        """Take (T,) samples; the array may be used again after the call."""
        ...

    def room(self) -> int:
        """Samples that fit before unread ones are lost; asked by sources that can wait."""
        ...


class RingSink:
    """A ring as a sink, with one reader whose position `reader` tells."""

    def __init__(self, ring: RingBuffer, reader: Callable[[], int]) -> None:
        self.write = ring.write
        self._ring = ring
        self._reader = reader

    def room(self) -> int:
        return self._ring.capacity - (self._ring.end - self._reader())


class Source(Protocol):
    """One stream of samples, from `feed` until it ends or is left.

    `rate` is known, and what can be wrong with the input is raised, when a source is made.
    """

    @property
    def name(self) -> str: ...

    @property
    def rate(self) -> int:
        """Hz; the stream rate."""
        ...

    @property
    def delay(self) -> float:
        """Seconds that a sample is old when it is written, as far as that is known."""
        ...

    @property
    def live(self) -> bool:
        """Whether samples come by the clock and cannot wait."""
        ...

    @property
    def lost(self) -> int:
        """Samples that were replaced by silence so far."""
        ...

    @property
    def ended(self) -> bool:
        """Whether nothing more will be written: read it before the sink's end."""
        ...

    @property
    def error(self) -> TapError | None:
        """Why the stream ended before its time."""
        ...

    def feed(self, sink: Sink, tell: Tell) -> AbstractContextManager[None]:
        """Write to `sink` inside a `with`; after it no thread is left. Once only."""
        ...
