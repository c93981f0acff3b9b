"""A click on a caption plays its moment, if that was recorded."""

from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from tap_live.ui.background import Background
from tap_live.ui.link import Link
from tap_live.ui.playback import play, read_moment
from tap_live.ui.setup import DEFAULT_OUTPUT, NO_OUTPUT
from tap_live.ui.transcript import Line, Transcript

_NO_DEVICE = (NO_OUTPUT, DEFAULT_OUTPUT, "virtual-mic")


class Moments(QObject):
    """Play one moment at a time; `told` says why not, and how grave that is."""

    told = pyqtSignal(str, str)

    def __init__(self, link: Link, transcript: Transcript, parent: QObject) -> None:
        super().__init__(parent)
        self._link, self._transcript = link, transcript
        self._player = Background(self)
        self._player.failed.connect(self._failed)

    def play(self, line: Line) -> None:
        """Let a line be heard again."""
        recording, setup = self._link.recording, self._link.setup
        if self._player.busy:
            return
        if recording is None or line.stream != self._transcript.stream:
            text = self.tr("Record, and a click on a caption plays its moment.")
            self.told.emit(text, "watch")
            return
        if self._link.engine.remote:
            self.told.emit(self.tr("The recording is on the engine's machine."), "watch")
            return
        if line.cue.end <= float(recording.get("begin", 0.0)):
            self.told.emit(self.tr("That was said before the recording began."), "watch")
            return
        folder, begin = Path(recording["folder"]), float(recording.get("begin", 0.0))
        start, stop = line.cue.start - begin, line.cue.end - begin
        device = None if setup.output in _NO_DEVICE else setup.output
        self._player.run(lambda: play(*read_moment(folder, start, stop), device))

    def wait(self) -> None:
        """Wait until nothing is played."""
        self._player.wait()

    def _failed(self, why: str) -> None:
        self.told.emit(why, "bad")
