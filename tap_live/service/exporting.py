"""Make a bundle in a process of its own: PyTorch stays out of the engine's, and it can be ended."""

import queue
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import IO, Any

import msgspec

from tap_live.errors import BundleError, CancelledError, WireError
from tap_live.events import Export, Progress, decode_event
from tap_live.service.commands import Tell

POLL_S, PATIENCE_S = 0.2, 10.0
LAST_WORDS = 50  # lines of complaint that are held
COMMAND = (sys.executable, "-m", "tap_live", "export")


def make_bundle(
    wanted: Export,
    checkpoint: str,
    out: Path,
    tell: Tell,
    cancelled: Event,
    command: Sequence[str] = COMMAND,
) -> dict[str, Any]:
    """Run `tap-live export` to its end; return its report.

    Raises: BundleError with what it says if it fails; CancelledError.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    words = [*command, wanted.model, "--checkpoint", checkpoint, "--out", str(out)]
    words += ["--to", wanted.to, "--precision", wanted.precision, "--json"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        complaints: deque[str | None] = deque(maxlen=LAST_WORDS)
        assert process.stdout is not None and process.stderr is not None
        readers = [
            Thread(target=_read, args=(process.stdout, lines.put), name="export-report"),
            Thread(target=_read, args=(process.stderr, complaints.append), name="export-errors"),
        ]
        for reader in readers:
            reader.start()
        try:
            last = _follow(wanted, lines, tell, cancelled)
        finally:
            _end(process)
            for reader in readers:
                reader.join()
    if process.returncode != 0:
        raise BundleError(_why(complaints))
    report: dict[str, Any] = msgspec.json.decode(last)
    return report


def _follow(
    wanted: Export, lines: "queue.SimpleQueue[str | None]", tell: Tell, cancelled: Event
) -> str:
    """Tell progress until the process says no more; return its last line, the report."""
    last = ""
    while True:
        if cancelled.is_set():
            raise CancelledError("that was cancelled")
        try:
            line = lines.get(timeout=POLL_S)
        except queue.Empty:
            continue
        if line is None:
            return last
        last = line
        try:
            event = decode_event(line)
        except WireError:
            continue  # the report
        if isinstance(event, Progress):
            tell(Progress(id=wanted.id, done=event.done, total=event.total, text=event.text))


def _read(stream: IO[str], take: Callable[[str | None], object]) -> None:
    """Hand on what comes line by line, and None at the end."""
    for line in stream:
        take(line)
    take(None)


def _end(process: "subprocess.Popen[str]") -> None:
    """Wait for it; as Ctrl-C would end it if it still runs, so that it clears up."""
    if process.poll() is None:
        try:
            process.wait(POLL_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGINT)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _why(complaints: Iterable[str | None]) -> str:
    said = [line.strip() for line in complaints if line and line.strip()]
    return "the export failed: " + ("; ".join(said[-3:]) or "it did not say why")
