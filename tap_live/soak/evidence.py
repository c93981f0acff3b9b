"""What a stream shows of itself while it runs, kept small."""

import ctypes
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tap_live.bench import memory_mb
from tap_live.events import AnyEvent, Caption, Failed, Stats, Warned, decode_event, encode

SAMPLE_S = 20.0  # of the stream, between two looks at the memory


class Evidence:
    """Take every event of a stream while `watching`.

    Args:
        kept: a file for the finals, since memory is what is measured.
    """

    def __init__(self, kept: Path) -> None:
        self._kept = kept
        self.incidents: list[Warned | Failed] = []
        self.lost = 0  # samples, as the engine says
        self.memory: list[tuple[float, float]] = []  # seconds of the stream, MB
        self.crashes: Counter[str] = Counter()
        self._sample_at = 0.0

    def take(self, event: AnyEvent) -> None:
        match event:
            case Caption(state="final"):
                self._file.write(encode(event) + b"\n")
            case Warned() | Failed():
                self.incidents.append(event)
            case Stats():
                self.lost = event.lost
                if event.at >= self._sample_at:
                    self._sample_at = event.at + SAMPLE_S
                    self.memory.append((event.at, held_mb()))

    @property
    def finals(self) -> list[Caption]:
        """All finals, once the watch is over."""
        events = map(decode_event, self._kept.read_bytes().splitlines())
        return [event for event in events if isinstance(event, Caption)]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Keep finals; count exceptions that nobody caught, and errors that were logged."""
        before, threading.excepthook = threading.excepthook, self._crashed
        handler = _Counting(self.crashes)
        logging.getLogger().addHandler(handler)
        try:
            with open(self._kept, "wb") as self._file:
                yield
        finally:
            logging.getLogger().removeHandler(handler)
            threading.excepthook = before

    def _crashed(self, what: threading.ExceptHookArgs) -> None:
        name = what.thread.name if what.thread else "a thread"
        self.crashes[f"{name}: {what.exc_value!r}"] += 1


class _Counting(logging.Handler):
    def __init__(self, crashes: Counter[str]) -> None:
        super().__init__(logging.ERROR)
        self._crashes = crashes

    def emit(self, record: logging.LogRecord) -> None:
        error = f": {record.exc_info[1]!r}" if record.exc_info else ""
        self._crashes[f"{record.name}: {record.getMessage()}{error}"] += 1


def held_mb() -> float:
    """The process's memory now; where the system does not tell, its largest so far.

    The C library (glibc) first gives back what it keeps free for later: how much that is depends
    on what was asked for in which order, and it would hide a leak, or look like one.
    """
    pages = Path("/proc/self/statm")
    if pages.exists():  # Linux
        with suppress(AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
        return int(pages.read_text().split()[1]) * 4096 / 1e6
    return memory_mb() or 0.0
