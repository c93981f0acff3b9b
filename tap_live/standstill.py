"""Work that may never return: a thread that stands still is left behind, another goes on.

`Worker.step` runs on the worker's own thread, `look` on that of the watch. Each step is
ended by the one or given up by the other, whoever comes first, and never by both.
"""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from types import TracebackType
from typing import Self, TypeVar

from tap_live.audio.clock import Clock

logger = logging.getLogger(__name__)

TICK_S = 0.25

Item = TypeVar("Item")


class LeftBehind(Exception):
    """Ends a thread that came back after it was given up."""


class Worker:
    """A thread that works in steps, and is replaced when a step does not end.

    Args:
        run: the thread's function.
        patience_s: how long a step may take; the default waits for ever.
        replace: prepares for the next thread; called before it starts.
    """

    def __init__(
        self,
        name: str,
        run: Callable[[], None],
        patience_s: float = math.inf,
        replace: Callable[[], None] = lambda: None,
    ) -> None:
        self._name, self._target = name, run
        self._patience_s, self._replace = patience_s, replace
        self._open: list[None] = []  # holds one item while a step is under way
        self._seen = self._open
        self._waited_s = 0.0
        self._thread: Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether there is work going on; false before `start` too."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        # nobody can end a thread that stands still: it must not keep the program from ending
        self._thread = Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until the work is done, by whichever thread."""
        while (thread := self._thread) is not None and thread.is_alive():
            thread.join(TICK_S)  # another may have taken its place meanwhile

    @contextmanager
    def step(self) -> Iterator[None]:
        """Do inside a `with` what may never return. Raises: LeftBehind if it took too long."""
        self._open = mine = [None]
        try:
            yield
        finally:
            if not _settle(mine):
                raise LeftBehind

    def steps(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items, each of which is a step to get."""
        source = iter(items)
        while True:
            with self.step():
                try:
                    item = next(source)
                except StopIteration:
                    return
            yield item

    def look(self, passed_s: float) -> None:
        """Replace the thread if its step has taken too long; `passed_s` since the last look."""
        if self._open is not self._seen:
            self._seen, self._waited_s = self._open, 0.0
        elif self._open:
            self._waited_s += passed_s
            if self._waited_s > self._patience_s and _settle(self._open):
                logger.warning("%s stands still and is left behind", self._name)
                self._replace()
                self.start()

    def _run(self) -> None:
        try:
            self._target()
        except LeftBehind:
            logger.info("a thread of %s that was left behind came back and ends", self._name)


class Watch:
    """Look after workers inside a `with`.

    A look that came late, because the whole machine stood still, counts as one tick: the
    workers had no chance either.
    """

    def __init__(self, workers: Sequence[Worker], clock: Clock) -> None:
        self._workers, self._clock = workers, clock
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="watch")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        looked = self._clock.now()
        while not self._clock.wait(self._stopping, TICK_S):
            now = self._clock.now()
            passed_s, looked = min(now - looked, 2 * TICK_S), now
            for worker in self._workers:
                worker.look(passed_s)


def _settle(step: list[None]) -> bool:
    """Decide a step; False if it was decided already. (To pop is atomic in CPython.)"""
    try:
        step.pop()
    except IndexError:
        return False
    return True
