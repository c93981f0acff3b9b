"""Those who only look on: each block is shown to all, and one who fails delays nobody."""

import logging
from collections.abc import Callable
from typing import TypeAlias

from tap_live.events import AnyEvent, Failed
from tap_live.extraction import Mixed

logger = logging.getLogger(__name__)

Tap: TypeAlias = Callable[[Mixed], None]
"""Takes a block, on the extraction thread: it must never wait."""


class Taps:
    """Show blocks to whoever was added; any thread may add."""

    def __init__(self, publish: Callable[[AnyEvent], None]) -> None:
        self._publish = publish
        self._taps: list[Tap] = []

    def add(self, tap: Tap) -> None:
        self._taps.append(tap)

    def push(self, mixed: Mixed) -> None:
        """Show a block; who fails gets no more."""
        for tap in tuple(self._taps):
            try:
                tap(mixed)
            except Exception as error:  # it is no part of the path: the stream goes on
                logger.exception("a tap failed")
                self._taps.remove(tap)
                text = f"one who looks on failed and is shown no more: {error!r}"
                self._publish(Failed(code="tap-stopped", text=text))
