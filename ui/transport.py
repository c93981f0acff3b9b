"""Start and stop, mute, record."""

from PyQt6.QtWidgets import QGridLayout, QWidget

from tap_live.events import Mute, Stop
from tap_live.ui.controls import button, graded, marked, soft
from tap_live.ui.engine import Phase
from tap_live.ui.link import Link, is_busy
from tap_live.ui.recording_line import RecordingLine
from tap_live.ui.setup import Setup


class Transport(QWidget):
    """The buttons that begin and end."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        self.begin = button(self.tr("Start"), self.start_or_stop, main=True)
        self.begin.setObjectName("start")
        self.mute = button(self.tr("&Mute"), lambda: None)
        self.mute.setObjectName("mute")
        self.mute.setCheckable(True)
        self.mute.setToolTip(self.tr("Let nothing be heard (Ctrl+M); hold Ctrl+Space to mute"))
        self.mute.toggled.connect(self._muted)
        self.record = button(self.tr("&Record"), lambda: None)
        self.record.setObjectName("record")
        self.record.setCheckable(True)
        self.record.setToolTip(self.tr("Keep sound and captions in a folder (Ctrl+Shift+R)"))
        self.record.toggled.connect(self._recorded)
        self.limiter = soft()
        self.limiter.setToolTip(
            self.tr("A limiter stands before the headset: nothing gets louder than −1 dB.")
        )
        self.recording = RecordingLine(link)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.record, 0, 0)
        layout.addWidget(self.mute, 0, 1)
        layout.addWidget(self.begin, 0, 2, 2, 1)
        layout.addWidget(self.limiter, 1, 0, 1, 2)
        layout.setHorizontalSpacing(8)
        layout.setVerticalSpacing(4)
        layout.setColumnMinimumWidth(2, 150)  # its words change
        self.show_limiter(None)
        link.phase_changed.connect(self.show_phase)
        link.setup_changed.connect(self._show_setup)
        self.show_phase(link.phase)

    def start_or_stop(self) -> None:
        link = self._link
        if link.phase is Phase.RUNNING:
            link.send(Stop(id=link.new_id()), self._stopped)
        elif link.phase in (Phase.STOPPED, Phase.PREVIEW):
            link.begin()

    def show_phase(self, phase: Phase) -> None:
        words = {
            Phase.RUNNING: self.tr("Stop"),
            Phase.STARTING: self.tr("Starting…"),
            Phase.STOPPING: self.tr("Stopping…"),
            Phase.LOST: self.tr("Not connected"),
        }.get(phase, self.tr("Start"))
        self.begin.setText(words)
        self.begin.setAccessibleName(words)
        for control, name in ((self.begin, "running"), (self.record, "live")):
            marked(control, name, phase is Phase.RUNNING)
        remote_over = self._link.engine.remote and phase is Phase.STOPPED
        self.begin.setEnabled(not is_busy(phase) and phase is not Phase.LOST and not remote_over)

    def show_limiter(self, peak: float | None) -> None:
        """Say when the limiter holds the output down; `peak` in dBFS, None if nothing is played."""
        holds = peak is not None and peak > -1.0
        self.limiter.setText(
            self.tr("● limiter at work") if holds else self.tr("○ limiter at rest")
        )
        graded(self.limiter, "watch" if holds else "")

    def _muted(self, on: bool) -> None:
        if on != self._link.setup.muted:
            self._link.change(Mute(id=self._link.new_id(), on=on))

    def _recorded(self, on: bool) -> None:
        self.recording.show_wanted(on)
        if not self._link.engine.remote or self._link.phase is Phase.RUNNING:
            self._link.record(on)

    def _stopped(self, result: object) -> None:
        """Whoever stops has what was to be recorded: the next stream is not, unless asked for."""
        self.record.setChecked(False)

    def _show_setup(self, setup: Setup) -> None:
        self.mute.setChecked(setup.muted)
