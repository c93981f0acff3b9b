"""Events from every stage to everybody who listens.

`publish` runs on any thread; each subscription is read by one thread of its own
and has a bounded queue of its own, so a slow reader delays nobody else.
"""

import itertools
import queue
from collections.abc import Callable, Iterator

import msgspec

from tap_live.errors import ConfigError
from tap_live.events import AnyEvent, Bye, Caption, Level, Spectrum, Stats


class EventBus:
    """Number events, give them the stream's time, and hand them to all subscriptions."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Take `now`, the stream's time in seconds."""
        self._now = now
        self._numbers = itertools.count(1)
        self._subscriptions: tuple[Subscription, ...] = ()

    def subscribe(self, capacity: int = 256) -> "Subscription":
        """Listen from now on."""
        subscription = Subscription(capacity)
        self._subscriptions += (subscription,)
        return subscription

    def publish(self, event: AnyEvent) -> AnyEvent:
        """Stamp an event, deliver it and return it as delivered; never waits."""
        stamped = msgspec.structs.replace(event, seq=next(self._numbers), at=self._now())
        for subscription in self._subscriptions:
            subscription.put(stamped)
        return stamped


class Subscription:
    """One listener's events, in order.

    When `capacity` events wait, those that a newer one replaces (levels, spectra,
    stats, partial captions) are left out and counted; all others are kept.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ConfigError(f"a subscription holds at least 1 event, not {capacity}")
        self.capacity = capacity
        self.left_out = 0
        self._events: queue.SimpleQueue[AnyEvent] = queue.SimpleQueue()

    def put(self, event: AnyEvent) -> None:
        if replaceable(event) and self._events.qsize() >= self.capacity:
            self.left_out += 1
        else:
            self._events.put(event)

    def get(self, timeout: float) -> AnyEvent | None:
        """Wait up to `timeout` seconds for the next event; None if there was none."""
        try:
            return self._events.get(timeout=timeout)
        except queue.Empty:
            return None

    def __iter__(self) -> Iterator[AnyEvent]:
        """Yield events as they come, up to the stream's last one, `bye`."""
        while True:
            event = self._events.get()
            yield event
            if isinstance(event, Bye):
                return


def replaceable(event: AnyEvent) -> bool:
    """Whether a newer event of its kind says all that this one does."""
    if isinstance(event, Caption):
        return event.state == "partial"
    return isinstance(event, (Level, Spectrum, Stats))
