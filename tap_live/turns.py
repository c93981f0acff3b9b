"""Calls into a library that takes one at a time, and that may never come back from one.

A sound server that stands still answers nobody, and who asks it through PortAudio waits for
ever. So each call is made on a thread of its own and left behind when it takes too long; until
it has come back no other is made.

`call` and `leave` run on any thread, inside `taken`.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from threading import Lock, Thread
from typing import TypeVar

from tap_live.errors import DeviceError

TICKS, TICK_S = 24, 0.25  # a wireless headset takes seconds; a standstill of all is one tick
Answer = TypeVar("Answer")


class Turns:
    """Who has its turn calls, and nobody else does.

    Args:
        beside: make calls on threads of their own; else each is waited for as long as it takes.
        left: called when a call is left behind.
    """

    def __init__(self, beside: bool = True, left: Callable[[], object] = lambda: None) -> None:
        self._lock = Lock()
        self._beside, self._left = beside, left
        self._standing: Future[None] | None = None  # a call left behind, and what follows it

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Have the library to oneself inside a `with`."""
        with self._lock:
            yield

    def call(
        self, work: Callable[[], Answer], undo: Callable[[Answer], object] = lambda answer: None
    ) -> Answer:
        """Return what `work` returns.

        Args:
            undo: takes an answer that came when nobody waited any more.
        Raises: DeviceError if no answer comes; what `work` raises.
        """
        if not self._beside:
            return work()
        if self._standing is not None and not self._standing.done():
            raise DeviceError(_text("it has not come back from an earlier call"))
        answer = _begun(work)
        for _ in range(TICKS):
            if wait([answer], TICK_S).done:
                return answer.result()
        self._standing = _after(answer, undo)
        self._left()
        raise DeviceError(_text(f"it gave no answer for {TICKS * TICK_S:.0f} s"))

    def leave(self, work: Callable[[], object]) -> None:
        """Do what nobody needs an answer of: now, or once the call that stands has come back."""
        if self._standing is not None and not self._standing.done():
            self._standing = _after(self._standing, lambda _: work())
            return
        with suppress(DeviceError):  # it is done when it is done
            self.call(work)


def _begun(work: Callable[[], Answer]) -> "Future[Answer]":
    answer: Future[Answer] = Future()

    def run() -> None:
        try:
            answer.set_result(work())
        except BaseException as error:  # it belongs to who asked
            answer.set_exception(error)

    # nobody can end a thread that stands still: it must not keep the program from ending
    Thread(target=run, name="sound-call", daemon=True).start()
    return answer


def _after(before: "Future[Answer]", work: Callable[[Answer], object]) -> "Future[None]":
    """Work with an answer once it has come, on the thread that brings it; done after that."""
    done: Future[None] = Future()

    def run(answer: "Future[Answer]") -> None:
        try:
            if answer.exception() is None:
                work(answer.result())
        finally:
            done.set_result(None)

    before.add_done_callback(run)
    return done


def _text(found: str) -> str:
    return (
        f"wanted an answer of the sound system, but {found}: start the sound server anew "
        "(PulseAudio, PipeWire), or the program"
    )
