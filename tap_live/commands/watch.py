"""Show a live stream until it ends, and end it when the user says so."""

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console

from tap_live.events import AnyEvent, encode
from tap_live.live import Live
from tap_live.terminal import show


def watch(
    live: Live, title: str, *, json: bool, take: Callable[[AnyEvent], None] | None = None
) -> None:
    """Run a stream and show its events; Ctrl-C and SIGTERM end it in order.

    Args:
        take: given every event before it is shown.
    Raises: TapError if the stream ended before its time.
    """
    with stopped_by_signals(live), live:
        events = _taken(live.events, take) if take else live.events
        try:
            if json:
                _print_lines(events)
            else:
                console, notes = Console(), Console(stderr=True)
                on_screen = console.is_terminal and notes.is_terminal  # above what is drawn there
                show(events, console, title, console if on_screen else notes)
        except BrokenPipeError:  # nobody reads any more; what was captured is still kept
            live.stop()
            raise
    if live.error:
        raise live.error


def _taken(events: Iterable[AnyEvent], take: Callable[[AnyEvent], None]) -> Iterator[AnyEvent]:
    for event in events:
        take(event)
        yield event


def _print_lines(events: Iterable[AnyEvent]) -> None:
    """Write every event as a line of JSON, at once."""
    for event in events:
        sys.stdout.buffer.write(encode(event) + b"\n")
        sys.stdout.buffer.flush()


@contextmanager
def stopped_by_signals(live: Live) -> Iterator[None]:
    """Let every signal end the stream in order, however many come."""

    def stop(number: int, frame: FrameType | None) -> None:
        live.stop()

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
