"""The first of the first steps: a microphone that is open, or what to do without one."""

from pathlib import Path
from typing import Any

from PyQt6.QtCore import QTimer, pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from tap_live.events import Level, ListDevices, Start, Stop
from tap_live.ui.controls import button, graded, soft
from tap_live.ui.device_choice import DeviceChoice
from tap_live.ui.engine import Phase
from tap_live.ui.link import Link
from tap_live.ui.setup import Setup

LISTEN_AGAIN_MS = 700  # after another device was chosen
LOUD_DB = -45.0  # a peak that is somebody


class MicrophoneStep(QWidget):
    """Choose a microphone and see that it hears; `ready` tells whether one is open."""

    ready = pyqtSignal(bool)

    def __init__(self, link: Link, demo: Path | None) -> None:
        super().__init__()
        self._link = link
        self.deaf = False  # whether what was chosen could not be opened
        self._why = ""
        self.input = DeviceChoice(link, "input", demo)
        kept = self.tr("Nothing is kept, and nothing ever leaves this computer.")
        self._is_open = self.tr("It is open now to show how loud it is.") + " " + kept
        self._not_open = kept
        self.intro, self.level_words, self.trouble = soft(self._is_open), soft(), QLabel()
        self.trouble.setWordWrap(True)
        graded(self.trouble, "bad")
        self._cures = self._without()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(14)
        for part in (self.intro, self.input, self.level_words, self._cures):
            layout.addWidget(part)
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.timeout.connect(self._listen)
        self._heard_from = link.setup.input
        link.heard.connect(self._hear)
        link.setup_changed.connect(self._listen_again)

    def look_again(self) -> None:
        """See which devices there are, and open the chosen one."""
        command = ListDevices(id=self._link.new_id())
        self._link.send(command, self._show_devices, self._unopened)
        self._listen()

    @property
    def _seen(self) -> bool:
        """Whether the steps are on the screen, this one or another."""
        window = self.window()
        return window is not None and window.isVisible()

    def _listen(self) -> None:
        link = self._link
        self._heard_from = link.setup.input
        if link.phase is Phase.PREVIEW:
            link.send(Stop(id=link.new_id()))
        if link.phase in (Phase.PREVIEW, Phase.STOPPED):
            link.send(Start(id=link.new_id(), preview=True), self._opened, self._unopened)

    def _listen_again(self, setup: Setup) -> None:
        if self._seen and setup.input != self._heard_from:
            self._again.start(LISTEN_AGAIN_MS)

    def _hear(self, event: object) -> None:
        if isinstance(event, Level) and self._seen:
            self.input.meter.show_level(event.mixture)
            peak = event.mixture.peak
            loud = peak is not None and peak > LOUD_DB
            self.level_words.setText(
                self.tr("You can be heard.") if loud else self.tr("Say something: the bar moves.")
            )

    def _show_devices(self, devices: list[dict[str, Any]]) -> None:
        self.input.show_devices(devices)
        self._say_trouble()

    def _opened(self, state: object) -> None:
        self._show_deaf(False)

    def _unopened(self, why: str) -> None:
        self._why = why
        self._say_trouble()
        self._show_deaf(True)

    def _say_trouble(self) -> None:
        lacks = self.tr("No microphone was found.")
        fails = self.tr("It cannot be opened: {why}.").format(why=self._why)
        cure = self.tr("Connect one and look again, or listen to a file.")
        nothing = self._link.setup.input is None and not self.input.there
        self.trouble.setText(f"{lacks if nothing else fails} {cure}")

    def _show_deaf(self, deaf: bool) -> None:
        self.deaf = deaf
        self.intro.setText(self._not_open if deaf else self._is_open)
        self.level_words.setVisible(not deaf)
        self._cures.setVisible(deaf)
        self.input.meter.show_level(None)
        self.ready.emit(not deaf)

    def _without(self) -> QWidget:
        """What there is to be done without a microphone."""
        cures = QWidget()
        layout = QGridLayout(cures)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(12)
        layout.addWidget(self.trouble, 0, 0, 1, 3)
        layout.addWidget(button(self.tr("Look again"), self.look_again), 1, 0)
        layout.addWidget(button(self.tr("A file…"), self.input.choose_file), 1, 1)
        layout.setColumnStretch(2, 1)
        cures.hide()
        return cures
