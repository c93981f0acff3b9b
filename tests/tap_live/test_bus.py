import threading

import pytest

from tap_live.bus import EventBus
from tap_live.errors import ConfigError
from tap_live.events import Bye, Caption, Level, Loudness, Warned

LEVEL = Level(mixture=Loudness(-20, -10), output=Loudness(-20, -10))


def caption(state, id=1):
    return Caption(id=id, revision=0, state=state, start=0, end=1, words=())


def test_events_are_numbered_once_for_all_listeners_and_carry_the_streams_time():
    bus = EventBus(now=lambda: 2.5)
    first, second = bus.subscribe(), bus.subscribe()
    bus.publish(LEVEL)
    bus.publish(Bye(reason="end"))
    assert [(e.seq, e.at) for e in first] == [(1, 2.5), (2, 2.5)]
    assert [e.seq for e in second] == [1, 2]


def test_a_full_listener_loses_what_a_newer_event_replaces_and_nothing_else():
    bus = EventBus(now=lambda: 0.0)
    slow = bus.subscribe(capacity=2)
    for id in range(5):
        bus.publish(LEVEL)
        bus.publish(caption("partial", id))
        bus.publish(caption("final", id))
    bus.publish(Warned(code="x", text="x"))
    bus.publish(Bye(reason="end"))
    kept = list(slow)
    assert [e.id for e in kept if isinstance(e, Caption) and e.state == "final"] == [*range(5)]
    assert [type(e) for e in kept[-2:]] == [Warned, Bye]
    assert slow.left_out == 15 + 2 - len(kept)


def test_waiting_for_an_event_ends_without_one():
    assert EventBus(now=lambda: 0.0).subscribe().get(timeout=0) is None


def test_many_threads_never_share_a_number():
    bus = EventBus(now=lambda: 0.0)
    listener = bus.subscribe(capacity=10_000)
    threads = [
        threading.Thread(target=lambda: [bus.publish(LEVEL) for _ in range(500)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bus.publish(Bye(reason="end"))
    assert sorted(e.seq for e in listener) == list(range(1, 2002))


def test_a_subscription_needs_room():
    with pytest.raises(ConfigError, match="at least 1 event, not 0"):
        EventBus(now=lambda: 0.0).subscribe(capacity=0)
