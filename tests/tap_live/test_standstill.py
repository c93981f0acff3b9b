from threading import Event

import pytest

from tap_live.standstill import LeftBehind, Watch, Worker


@pytest.fixture
def stuck():
    """A worker whose first thread stands still until `release` is set; `done` by its second."""

    class Stuck:
        release, inside, done, came_back = Event(), Event(), Event(), Event()
        replaced = 0

        def __init__(self):
            self.worker = Worker("stuck", self.run, patience_s=1.0, replace=self.replace)

        def run(self):
            if self.replaced:
                self.done.set()
                return
            try:
                with self.worker.step():
                    self.inside.set()
                    assert self.release.wait(10)
            except LeftBehind:
                self.came_back.set()
                raise

        def replace(self):
            self.replaced += 1

    return Stuck()


def test_a_step_that_does_not_end_is_given_up_once_and_another_thread_goes_on(stuck):
    stuck.worker.start()
    assert stuck.inside.wait(10)
    for _ in range(10):
        stuck.worker.look(0.25)
    assert stuck.done.wait(10)
    assert stuck.replaced == 1
    stuck.release.set()
    assert stuck.came_back.wait(10)
    stuck.worker.join()
    assert not stuck.worker.alive


def test_a_step_that_ends_in_time_is_never_given_up():
    worker = Worker("quick", lambda: None, patience_s=0.5)
    for _ in range(10):
        with worker.step():
            worker.look(0.25)
        worker.look(0.25)
    assert not worker.alive


def test_a_step_that_was_given_up_cannot_end():
    worker = Worker("slow", lambda: None, patience_s=0.5)
    with pytest.raises(LeftBehind), worker.step():
        for _ in range(5):
            worker.look(0.25)
    worker.join()


def test_items_are_got_one_step_each():
    worker = Worker("items", lambda: None)
    assert list(worker.steps(iter("abc"))) == ["a", "b", "c"]
    with pytest.raises(ZeroDivisionError):
        list(worker.steps(1 // n for n in (1, 0)))


def test_a_machine_that_stood_still_gave_the_workers_no_chance_either(stuck, clock):
    stuck.worker.start()
    assert stuck.inside.wait(10)
    with Watch([stuck.worker], clock):
        clock.settle()
        clock._now += 3600  # all at once
        clock.advance(0.25)
        assert stuck.replaced == 0
        clock.advance(2.0)
        assert stuck.replaced == 1
    stuck.release.set()
    stuck.worker.join()
