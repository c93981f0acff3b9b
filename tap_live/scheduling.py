"""How threads share Python's interpreter and the cores while audio runs."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, get_native_id

TURN_S = 0.0005
_usual: list[float] = []  # the turn before ours, once for each stream that runs
_changing = Lock()


@contextmanager
def short_turns() -> Iterator[None]:
    """Let a thread that waits for the interpreter have it after half a millisecond.

    By itself Python hands it over every 5 ms: a third of a hop, which extraction waits when it
    comes back from its network while another thread writes to hundreds of subscribers. It lasts
    until the last of several streams has ended.
    """
    with _changing:
        _usual.append(_usual[0] if _usual else sys.getswitchinterval())
        sys.setswitchinterval(min(_usual[0], TURN_S))
    try:
        yield
    finally:
        with _changing:
            before = _usual.pop()
            if not _usual:
                sys.setswitchinterval(before)


def ask_for_real_time() -> int | None:
    """Let this thread have a core as soon as it wakes; return its number if the system allows it.

    Without, it may wait for the scheduler's next tick (4 ms) when others have all cores. Linux
    allows it to those with a limit `rtprio`, which distributions give for audio, and to root.
    It is the lowest of such priorities, and threads that are started from here do not get it.
    Where there is one core only it is not asked for: the microphone needs that too.
    """
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return None
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError:  # not allowed, or not there
        return None
    return get_native_id()


def give_back_real_time(thread: int | None) -> None:
    """Make a thread an ordinary one again: one that stands still may be spinning."""
    if thread is not None and sys.platform == "linux":
        with suppress(OSError):  # it has ended
            os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))
