"""The main view: devices and transport above, targets beside pictures and captions."""

from pathlib import Path

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from tap_live.events import CueFromSpan, Level
from tap_live.ui.caption_box import CaptionBox
from tap_live.ui.colours import Theme
from tap_live.ui.controls import button, soft, title
from tap_live.ui.device_choice import DeviceChoice
from tap_live.ui.link import Link
from tap_live.ui.pictures import Pictures
from tap_live.ui.setup import NO_OUTPUT, Setup
from tap_live.ui.targets_box import TargetsBox
from tap_live.ui.transcript import Transcript
from tap_live.ui.transport import Transport

MARK_S = 2.0  # of the newest, to begin with


class ListenPage(QWidget):
    """What somebody sees who listens."""

    def __init__(self, link: Link, transcript: Transcript, demo: Path | None) -> None:
        super().__init__()
        self._link = link
        self.input = DeviceChoice(link, "input", demo)
        self.output = DeviceChoice(link, "output")
        self.transport = Transport(link)
        self.targets = TargetsBox(link)
        self.pictures = Pictures()
        self.captions = CaptionBox(transcript)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(10)
        layout.addWidget(self._devices())
        layout.addWidget(self._splitters(), 1)
        link.setup_changed.connect(self._show_targets)
        self._show_targets(link.setup)

    def set_theme(self, theme: Theme) -> None:
        for part in (self.pictures, self.captions.view):
            part.set_theme(theme)

    def show_level(self, level: Level | None) -> None:
        """Move the meters; None is that nothing runs."""
        plays = self._link.setup.output != NO_OUTPUT
        output = level.output if level and plays else None
        self.input.meter.show_level(level.mixture if level else None)
        self.output.meter.show_level(output)
        self.transport.show_limiter(output.peak if output else None)

    def _show_targets(self, setup: Setup) -> None:
        self.pictures.show_targets([one.name for one in setup.targets if one.on])

    def mark(self) -> None:
        """Mark the newest seconds in the spectrogram."""
        end = self.pictures.end_s
        if end <= 0:
            self._hint.setText(self.tr("Nothing has been heard yet."))
            return
        self.pictures.mark((max(0.0, end - MARK_S), end))
        self._marked.setVisible(True)
        self._hint.setText(self.tr("Drag the edges to what you mean."))

    def unmark(self) -> None:
        self.pictures.mark(None)
        self._marked.setVisible(False)
        self._hint.setText("")

    def _use_mark(self, suppress: bool) -> None:
        span, link = self.pictures.span, self._link
        if span is None:
            return
        command = CueFromSpan(id=link.new_id(), start=span[0], stop=span[1], suppress=suppress)
        self.unmark()
        link.send(command, lambda result: link.add_known(result["target"], suppress))

    def _devices(self) -> QFrame:
        box = QFrame()
        box.setObjectName("box")
        layout = QGridLayout(box)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setHorizontalSpacing(22)
        layout.addWidget(self.input, 0, 0)
        layout.addWidget(self.output, 0, 1)
        layout.addWidget(self.transport, 0, 2)
        layout.addWidget(self.transport.recording, 1, 0, 1, 3)
        layout.setColumnStretch(0, 1)
        layout.setColumnStretch(1, 1)
        return box

    def _splitters(self) -> QSplitter:
        across = QSplitter(Qt.Orientation.Horizontal)
        down = QSplitter(Qt.Orientation.Vertical)
        down.addWidget(self._pictures())
        down.addWidget(self.captions)
        down.setStretchFactor(0, 2)
        down.setStretchFactor(1, 3)
        down.setSizes([300, 400])
        across.addWidget(self.targets)
        across.addWidget(down)
        across.setStretchFactor(1, 1)
        across.setSizes([300, 900])
        for splitter in (across, down):
            splitter.setChildrenCollapsible(False)
            splitter.setHandleWidth(10)
        return across

    def _pictures(self) -> QFrame:
        box = QFrame()
        box.setObjectName("box")
        self._hint = soft()
        self._hint.setWordWrap(False)
        self._marked = QWidget()
        choices = QHBoxLayout(self._marked)
        choices.setContentsMargins(0, 0, 0, 0)
        choices.addWidget(button(self.tr("More of this"), lambda: self._use_mark(False)))
        choices.addWidget(button(self.tr("Remove this"), lambda: self._use_mark(True)))
        choices.addWidget(button(self.tr("Cancel"), self.unmark))
        self._marked.setVisible(False)
        row = QHBoxLayout()
        row.addWidget(title(self.tr("Sound")))
        row.addStretch()
        row.addWidget(self._hint)
        row.addWidget(self._marked)
        self.mark_button = button(self.tr("Mark a sound"), self.mark)
        row.addWidget(self.mark_button)
        layout = QVBoxLayout(box)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.addLayout(row)
        layout.addWidget(self.pictures)
        return box
