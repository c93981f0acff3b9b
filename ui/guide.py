"""The first start: choose the microphone, say who or what, start."""

from pathlib import Path

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from tap_live.events import Level, ListDevices, SetTarget, Start, Stop
from tap_live.extractors.network import installed
from tap_live.ui.controls import button, heading, soft
from tap_live.ui.device_choice import DeviceChoice
from tap_live.ui.engine import Phase
from tap_live.ui.enrol_box import EnrolBox
from tap_live.ui.link import Link
from tap_live.ui.setup import Setup, TargetWish
from tap_live.ui.words_box import WordsBox

LISTEN_AGAIN_MS = 700  # after another device was chosen
MICROPHONE, WHOM, READY = range(3)


class Guide(QDialog):
    """Three steps; the microphone is open to show its level, and nothing is kept of it."""

    def __init__(self, link: Link, demo: Path | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._pages = 0
        self.setWindowTitle(self.tr("First steps"))
        self.resize(620, 560)
        self.steps = QStackedWidget()
        self.input = DeviceChoice(link, "input", demo)
        self.enrol, self.words = EnrolBox(link), WordsBox()
        self.next = button(self.tr("Continue"), self.go_on, main=True)
        self.next.setDefault(True)
        self.back = button(self.tr("Back"), self.go_back)
        self.skip = button(self.tr("Not now"), self.reject)
        self._ready = soft()
        for page in (self._microphone(), self._whom(), self._start()):
            self.steps.addWidget(page)
        ends = QHBoxLayout()
        for control in (self.skip, None, self.back, self.next):
            ends.addStretch() if control is None else ends.addWidget(control)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 18, 22, 18)
        layout.addWidget(self.steps, 1)
        layout.addLayout(ends)
        self.enrol.enrolled.connect(self._enrolled)
        self.words.ready.connect(lambda ready: self._show_step())
        link.heard.connect(self._hear)
        link.setup_changed.connect(self._listen_again)
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.timeout.connect(self._listen)
        self._heard_from = link.setup.input
        link.send(ListDevices(id=link.new_id()), self.input.show_devices, self._no_devices)
        self._listen()
        self._show_step()

    def go_on(self) -> None:
        """One step further; after the last one, start."""
        step = self.steps.currentIndex()
        if step == WHOM and self.tabs.currentIndex() == 1:
            target = f"text:{self.words.words}"
            self._link.change(SetTarget(id=self._link.new_id(), target=target))
        if step == READY:
            self._begin()
            return
        self.steps.setCurrentIndex(step + 1)
        if step + 1 == WHOM:
            self.enrol.name.setFocus()
        self._show_step()

    def go_back(self) -> None:
        self.steps.setCurrentIndex(max(MICROPHONE, self.steps.currentIndex() - 1))
        self._show_step()

    def reject(self) -> None:
        if self._link.phase is Phase.PREVIEW:
            self._link.send(Stop(id=self._link.new_id()))
        super().reject()

    def _begin(self) -> None:
        self._link.begin()
        self.accept()

    def _enrolled(self, name: str) -> None:
        if self.isVisible():
            self._link.change(SetTarget(id=self._link.new_id(), target=f"voice:{name}"))
            self.steps.setCurrentIndex(READY)
            self._show_step()

    def _listen(self) -> None:
        """Open the microphone for its level."""
        self._heard_from = self._link.setup.input
        link = self._link
        if link.phase is Phase.PREVIEW:
            link.send(Stop(id=link.new_id()))
        if link.phase in (Phase.PREVIEW, Phase.STOPPED):
            link.send(Start(id=link.new_id(), preview=True), None, self._say)

    def _listen_again(self, setup: Setup) -> None:
        if self.isVisible() and setup.input != self._heard_from:
            self._again.start(LISTEN_AGAIN_MS)

    def _hear(self, event: object) -> None:
        if isinstance(event, Level) and self.isVisible():
            self.input.meter.show_level(event.mixture)
            peak = event.mixture.peak
            loud = peak is not None and peak > -45.0
            self._say(
                self.tr("You can be heard.") if loud else self.tr("Say something: the bar moves.")
            )

    def _say(self, text: str) -> None:
        self._level_words.setText(text)

    def _no_devices(self, why: str) -> None:
        self._say(why)

    def _show_step(self) -> None:
        step = self.steps.currentIndex()
        self.back.setEnabled(step > MICROPHONE)
        self.next.setText(self.tr("Start") if step == READY else self.tr("Continue"))
        self.next.setAccessibleName(self.next.text())
        waits = step == WHOM and self.tabs.currentIndex() == 1 and not self.words.words
        self.next.setEnabled(not waits)
        if step == WHOM and self.tabs.currentIndex() == 0:
            self.next.setEnabled(False)
        if step == READY:
            self._ready.setText(self._summary())
            self.next.setFocus()

    def _summary(self) -> str:
        """What will happen, for each kind of target that is asked for."""
        targets = [one for one in self._link.setup.targets if one.on]
        if not targets:
            return self.tr("Everything that is heard will be captioned.")
        voices, sounds = _labels(targets, "voice"), _labels(targets, "sound")
        said: list[str] = []
        if voices and installed("voice") is None:
            said.append(
                self.tr(
                    "Captions will say when {names} speaks. No voice extractor is installed yet, "
                    "so the sound itself stays as it is."
                ).format(names=voices)
            )
        elif voices:
            said.append(self.tr("You will hear and read {names}.").format(names=voices))
        if sounds and installed("sound") is None:
            said.append(
                self.tr(
                    "{names} is in the list and waits for a sound extractor, which is not "
                    "installed yet. Until then everything is heard and captioned."
                ).format(names=sounds)
            )
        elif sounds:
            said.append(self.tr("You will hear {names}.").format(names=sounds))
        return "\n\n".join(said) or self.tr("What you asked away will be turned down.")

    def _microphone(self) -> QWidget:
        self._level_words = soft()
        return self._page(
            self.tr("Which microphone?"),
            self.tr(
                "It is open now to show how loud it is. Nothing is kept, and nothing ever leaves "
                "this computer."
            ),
            self.input,
            self._level_words,
        )

    def _whom(self) -> QWidget:
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName(self.tr("Whom or what"))
        self.tabs.addTab(self.enrol, self.tr("A &voice"))
        self.tabs.addTab(self.words, self.tr("A &sound"))
        self.tabs.addTab(soft(self.tr("Everybody is captioned.")), self.tr("&Everything"))
        self.tabs.currentChanged.connect(lambda: self._show_step())
        return self._page(self.tr("Whom or what do you want to hear?"), "", self.tabs)

    def _start(self) -> QWidget:
        keys = soft(
            self.tr(
                "F5 starts and stops. Record keeps sound and captions in a folder. Ctrl+D puts the "
                "captions above all windows. Help → First steps brings this back."
            )
        )
        return self._page(self.tr("Ready"), "", self._ready, keys)

    def _page(self, head: str, text: str, *parts: QWidget) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(14)
        number = self._pages = self._pages + 1
        layout.addWidget(soft(self.tr("Step {number} of 3").format(number=number)))
        layout.addWidget(heading(head))
        if text:
            layout.addWidget(soft(text))
        for part in parts:
            layout.addWidget(part, 1 if isinstance(part, QTabWidget) else 0)
        if not isinstance(parts[-1], QTabWidget):
            layout.addStretch()
        return page


def _labels(targets: list[TargetWish], kind: str) -> str:
    return ", ".join(one.label for one in targets if one.kind == kind and not one.suppress)
