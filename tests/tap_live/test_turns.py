import subprocess
import sys
import threading

import pytest

from tap_live import turns as module
from tap_live.errors import DeviceError
from tap_live.turns import Turns


@pytest.fixture
def stood(monkeypatch):
    """Turns with a call in it that comes back when the event is set."""
    monkeypatch.setattr(module, "TICKS", 2)
    monkeypatch.setattr(module, "TICK_S", 0.02)
    left, back, undone = [], threading.Event(), []
    turns = Turns(left=lambda: left.append("left"))
    with turns.taken(), pytest.raises(DeviceError, match=r"gave no answer.*start the sound server"):
        turns.call(lambda: back.wait(30) and "late", undone.append)
    assert left == ["left"]
    yield turns, back, undone
    back.set()


def wait_for(done):
    for _ in range(2000):
        if done():
            return
        threading.Event().wait(0.005)
    raise AssertionError("it never came")


def test_a_call_is_answered():
    turns = Turns()
    with turns.taken():
        assert turns.call(lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            turns.call(lambda: 1 / 0)


def test_where_threads_do_not_share_devices_calls_stay_on_the_callers():
    assert Turns(beside=False).call(threading.current_thread) is threading.current_thread()
    assert Turns().call(threading.current_thread) is not threading.current_thread()


def test_nothing_else_is_asked_until_a_call_has_come_back(stood):
    turns, back, undone = stood
    with turns.taken(), pytest.raises(DeviceError, match=r"not come back from an earlier call"):
        turns.call(lambda: 1)
    back.set()
    wait_for(lambda: undone and turns._standing.done())
    with turns.taken():
        assert turns.call(lambda: 1) == 1


def test_an_answer_that_comes_too_late_is_undone(stood):
    _, back, undone = stood
    back.set()
    wait_for(lambda: undone)
    assert undone == ["late"]


def test_nothing_else_is_asked_while_a_late_answer_is_undone(monkeypatch):
    monkeypatch.setattr(module, "TICKS", 1)
    monkeypatch.setattr(module, "TICK_S", 0.02)
    turns, (back, undoing, undone) = Turns(), (threading.Event() for _ in range(3))
    left = []

    def undo(answer):
        undoing.set()
        undone.wait(30)

    with turns.taken(), pytest.raises(DeviceError):
        turns.call(lambda: back.wait(30), undo)
    with turns.taken():
        turns.leave(lambda: left.append("closed"))
    back.set()
    assert undoing.wait(30)
    with turns.taken(), pytest.raises(DeviceError, match="not come back from an earlier call"):
        turns.call(lambda: 1)
    assert left == []
    undone.set()
    wait_for(lambda: left)


def test_what_is_left_to_do_is_done_after_the_call_that_stands(stood):
    turns, back, _ = stood
    done = []
    with turns.taken():
        turns.leave(lambda: done.append("closed"))
    assert done == []
    back.set()
    wait_for(lambda: done)


def test_leaving_something_that_stands_waits_no_longer_than_a_call(monkeypatch):
    monkeypatch.setattr(module, "TICKS", 1)
    monkeypatch.setattr(module, "TICK_S", 0.02)
    back = threading.Event()
    with Turns().taken():
        Turns().leave(lambda: back.wait(30))
    back.set()


def test_a_thread_that_stands_keeps_no_program_from_ending():
    code = (
        "import threading; from tap_live import turns\n"
        "turns.TICKS = 1\n"
        "turns.Turns().leave(threading.Event().wait)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
