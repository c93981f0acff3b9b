"""Bring a user's file to where the engine finds it, on this machine or another."""

from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from tap_live.events import SendClip
from tap_live.ui.background import Background
from tap_live.ui.clips import brought, packed
from tap_live.ui.link import Link

PART = 9000  # bytes: in base64 they fit into one message
PAUSE_MS = 60  # between two of them: a service takes 20 messages a second


class Bringing(QObject):
    """One file at a time; reading it is off the interface's thread."""

    told = pyqtSignal(int, int)  # bytes that are there, and of how many

    def __init__(self, link: Link, parent: QObject) -> None:
        super().__init__(parent)
        self._link = link
        self._reader = Background(self)
        self._reader.done.connect(self._read)
        self._reader.failed.connect(self._fail)
        self._then: Callable[[str], object] = lambda name: None
        self._failed: Callable[[str], object] = lambda why: None
        self._name, self._data, self._sent = "", b"", 0
        self.busy = False

    def bring(
        self, path: Path, then: Callable[[str], object], failed: Callable[[str], object]
    ) -> None:
        """Begin; `then` takes the name by which the engine knows the clip."""
        if self.busy:
            return
        self.busy = True
        self._then, self._failed = then, failed
        remote = self._link.engine.remote
        self._reader.run(lambda: packed(path) if remote else (brought(path), b""))

    def _read(self, file: tuple[str, bytes]) -> None:
        self._name, self._data = file
        self._sent = 0
        if self._data:
            self._send()
        else:
            self._end()

    def _send(self) -> None:
        link, part = self._link, self._data[self._sent : self._sent + PART]
        last = self._sent + len(part) >= len(self._data)
        command = SendClip(
            id=link.new_id(), name=self._name, part=part, offset=self._sent, last=last
        )
        self._sent += len(part)
        link.send(command, self._took, self._fail)

    def _took(self, result: object) -> None:
        self.told.emit(self._sent, len(self._data))
        if self._sent < len(self._data):
            QTimer.singleShot(PAUSE_MS, self._send)
        else:
            self._end()

    def _end(self) -> None:
        self.busy = False
        self._then(self._name)

    def _fail(self, why: str) -> None:
        self.busy = False
        self._failed(why)
