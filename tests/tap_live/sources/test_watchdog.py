import pytest

from tap_live.sources.watchdog import FIRST_S, PATIENCE_S, TICK_S, Watchdog


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def watchdog(now):
    class Clock:
        def now(self):
            return now[0]

        def wait(self, stop, seconds):
            raise AssertionError("a watchdog does not wait")

    return Watchdog(Clock())


def looks(watchdog, now, seconds):
    """Look every tick for so long; seconds until it barks, or None."""
    started = now[0]
    while now[0] < started + seconds:
        now[0] += TICK_S
        if watchdog.stalled():
            return now[0] - started
    return None


def beats(watchdog, now, seconds):
    """A callback that comes, while somebody looks; whether the watchdog never barked."""
    quiet = True
    for _ in range(round(seconds / TICK_S)):
        watchdog.beat()
        quiet = looks(watchdog, now, TICK_S) is None and quiet
    return quiet


def test_it_is_quiet_while_the_callback_comes(watchdog, now):
    assert beats(watchdog, now, 60)


def test_it_barks_when_the_callback_stops(watchdog, now):
    beats(watchdog, now, 3)
    assert looks(watchdog, now, 10) == pytest.approx(PATIENCE_S, abs=2 * TICK_S)


def test_a_device_may_take_longer_to_wake(watchdog, now):
    assert looks(watchdog, now, 10) == pytest.approx(FIRST_S, abs=2 * TICK_S)


def test_a_device_that_filled_its_buffer_may_still_be_asleep(watchdog, now):
    beats(watchdog, now, 0.3)
    assert looks(watchdog, now, FIRST_S - 1) is None


def test_a_device_that_was_opened_again_has_time_to_wake_again(watchdog, now):
    beats(watchdog, now, 3)
    watchdog.restart()
    assert looks(watchdog, now, FIRST_S - 1) is None


def test_a_machine_that_stood_still_is_no_lost_device(watchdog, now):
    beats(watchdog, now, 3)
    now[0] += 60  # asleep
    assert not watchdog.stalled()
    assert beats(watchdog, now, 1)
