"""Threads hand the interpreter over in short turns while audio runs, and only then."""

import sys
import time
from threading import Event, Thread

import pytest

from tap_live.interpreter import TURN_S, short_turns


def test_turns_are_short_inside_and_as_before_outside() -> None:
    before = sys.getswitchinterval()
    with pytest.raises(KeyError), short_turns():
        assert sys.getswitchinterval() == pytest.approx(TURN_S)
        raise KeyError
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
        return sorted(took)

    other = Thread(target=compute)
    other.start()
    try:
        plain = waits()
        with short_turns():
            short = waits()
    finally:
        stop.set()
        other.join()
    assert short[len(short) // 2] < plain[len(plain) // 2]
