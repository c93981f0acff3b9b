"""Waiting for what takes minutes: who is told how long it has been, and what ends it."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import TypeAlias

from tap_live.errors import CancelledError

POLL_S = 0.2
FIRST_S, AT_MOST_S = 15.0, 60.0  # until something is told again: twice as long every time

Tell: TypeAlias = Callable[[str], None]

_log = logging.getLogger(__name__)


def _logged(text: str) -> None:
    _log.warning("%s", text)  # nothing less is seen where logging is as Python has it


@dataclass(frozen=True)
class Waiting:
    """Whoever waits, and may give up: `cancelled` is set from any thread."""

    tell: Tell = _logged
    cancelled: Event = field(default_factory=Event)

    def until(self, done: Callable[[float], bool], what: str) -> None:
        """Wait, and tell at times how long it has been.

        Args:
            done: waits for so many seconds; returns whether it is over.
            what: is waited for, as the words before the time.
        Raises: CancelledError.
        """
        began, told, pause = time.monotonic(), 0.0, FIRST_S
        while not done(POLL_S):
            if self.cancelled.is_set():
                raise CancelledError(f"{what}: that was cancelled")
            passed = time.monotonic() - began
            if passed >= told + pause:
                self.tell(f"{what}: {spoken(passed)} so far")
                told, pause = passed, min(2 * pause, AT_MOST_S)


ALONE = Waiting()
"""Nobody who could give up; told in the log."""


def spoken(seconds: float) -> str:
    """A time for people: `3 min 5 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
