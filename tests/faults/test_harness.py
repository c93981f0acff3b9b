"""The clock of these tests: it stands still for its own threads only."""

import threading

from harness import SimClock


def test_a_thread_that_hangs_by_another_clock_is_not_waited_for():
    before = SimClock("extraction that hangs", "extraction that is busy")
    now, gate = SimClock("extraction"), threading.Event()

    def busy():
        before.spend(0.0)
        gate.wait()

    others = [
        threading.Thread(target=before.hang, name="extraction that hangs", daemon=True),
        threading.Thread(target=busy, name="extraction that is busy", daemon=True),
    ]
    for thread in others:
        thread.start()
    while len(before._seen) < 2:
        pass
    ours = threading.Thread(target=now.spend, args=(5.0,), name="extraction", daemon=True)
    ours.start()
    ours.join(2.0)
    assert not ours.is_alive() and now.now() == 5.0
    assert all(thread.is_alive() for thread in others)
    gate.set()  # of the other clock only the one that hangs is left: it ends
    for thread in others:
        thread.join(2.0)
        assert not thread.is_alive()
