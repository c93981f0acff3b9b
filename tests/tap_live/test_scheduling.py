"""Threads hand the interpreter over in short turns while audio runs, and only then."""

import errno
import os
import sys
import time
from statistics import median
from threading import Event, Thread, get_native_id

import pytest

from tap_live.scheduling import (
    TURN_S,
    ask_for_real_time,
    give_back_real_time,
    short_turns,
)


def test_turns_are_short_inside_and_as_before_outside() -> None:
    before = sys.getswitchinterval()
    with pytest.raises(KeyError), short_turns():
        assert sys.getswitchinterval() == pytest.approx(TURN_S)
        raise KeyError
    assert sys.getswitchinterval() == before


def test_turns_are_short_until_the_last_of_two_streams_has_ended() -> None:
    before = sys.getswitchinterval()
    first, second = short_turns(), short_turns()
    first.__enter__()
    with second:
        first.__exit__(None, None, None)
        assert sys.getswitchinterval() == pytest.approx(TURN_S)
    assert sys.getswitchinterval() == before


def test_turns_that_are_shorter_already_stay() -> None:
    before = sys.getswitchinterval()
    try:
        sys.setswitchinterval(TURN_S / 5)
        shorter = sys.getswitchinterval()  # kept in whole microseconds
        with short_turns():
            assert sys.getswitchinterval() == pytest.approx(shorter, abs=2e-6)
    finally:
        sys.setswitchinterval(before)


def test_a_thread_waits_less_for_another_that_computes() -> None:
    stop = Event()

    def compute() -> None:
        while not stop.is_set():
            sum(range(200))

    def waits() -> list[float]:
        took = []
        for _ in range(60):
            began = time.perf_counter()
            time.sleep(0)  # gives the interpreter away, and waits for it
            took.append(time.perf_counter() - began)
        return took

    other = Thread(target=compute)
    other.start()
    try:
        for _ in range(50):  # until the other has the interpreter: a busy machine may hold it back
            plain = median(waits())
            with short_turns():
                short = median(waits())
            if plain > 2 * TURN_S:
                break
    finally:
        stop.set()
        other.join()
    assert short < plain


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other schedulers")
class TestRealTime:
    def test_it_is_asked_for_by_one_thread_and_not_for_those_it_starts(self, monkeypatch):
        asked = []
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})
        monkeypatch.setattr(os, "sched_setscheduler", lambda *given: asked.append(given))
        assert ask_for_real_time() == get_native_id()
        ((thread, policy, param),) = asked
        assert thread == 0 and param.sched_priority == 1
        assert policy == os.SCHED_RR | os.SCHED_RESET_ON_FORK

    @pytest.mark.parametrize("number", [errno.EPERM, errno.ENOSYS])
    def test_a_system_that_refuses_is_left_as_it_is(self, monkeypatch, number):
        def refuse(*given):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})
        monkeypatch.setattr(os, "sched_setscheduler", refuse)
        assert ask_for_real_time() is None
        give_back_real_time(get_native_id())
        give_back_real_time(None)

    def test_the_only_core_is_not_asked_for(self, monkeypatch):
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0})
        monkeypatch.setattr(os, "sched_setscheduler", lambda *given: pytest.fail("asked"))
        assert ask_for_real_time() is None

    def test_a_thread_that_is_left_behind_is_an_ordinary_one_again(self, monkeypatch):
        given = []
        monkeypatch.setattr(os, "sched_setscheduler", lambda *told: given.append(told))
        give_back_real_time(7)
        ((thread, policy, param),) = given
        assert (thread, policy, param.sched_priority) == (7, os.SCHED_OTHER, 0)
