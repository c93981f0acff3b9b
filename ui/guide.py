"""The first start: choose the microphone, say who or what, start."""

from pathlib import Path

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from tap_live.events import Level, ListDevices, ListVoices, SetTarget, Start, Stop
from tap_live.extractors.network import installed
from tap_live.ui.controls import button, graded, heading, soft
from tap_live.ui.device_choice import DeviceChoice
from tap_live.ui.engine import Phase
from tap_live.ui.enrol_box import EnrolBox
from tap_live.ui.link import Link
from tap_live.ui.setup import NO_OUTPUT, Setup, TargetWish
from tap_live.ui.voice_pick import VoicePick
from tap_live.ui.words_box import WordsBox

LISTEN_AGAIN_MS = 700  # after another device was chosen
MICROPHONE, WHOM, READY = range(3)
VOICE, SOUND, EVERYTHING = range(3)


class Guide(QDialog):
    """Three steps; the microphone is open to show its level, and nothing is kept of it."""

    def __init__(self, link: Link, demo: Path | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._pages = 0
        self._deaf = False  # whether the microphone could not be opened
        self._chosen = False  # whether a voice was, in these steps
        self._enrolling = False
        self.setWindowTitle(self.tr("First steps"))
        self.resize(620, 560)
        self.steps = QStackedWidget()
        self.input = DeviceChoice(link, "input", demo)
        self.pick, self.enrol, self.words = VoicePick(), EnrolBox(link), WordsBox()
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
        self.enrol.busied.connect(self._show_enrolling)
        self.pick.picked.connect(self._picked)
        self.words.ready.connect(lambda ready: self._show_step())
        link.heard.connect(self._hear)
        link.setup_changed.connect(self._listen_again)
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.timeout.connect(self._listen)
        self._heard_from = link.setup.input
        link.send(ListVoices(id=link.new_id()), self.pick.show_voices, self._no_voices)
        self.look_again()
        self._show_step()

    def go_on(self) -> None:
        """One step further; after the last one, start."""
        step = self.steps.currentIndex()
        if step == WHOM and self.tabs.currentIndex() == SOUND:
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

    def look_again(self) -> None:
        """See which devices there are, and open the chosen one."""
        link = self._link
        link.send(ListDevices(id=link.new_id()), self.input.show_devices, self._unopened)
        self._listen()

    def reject(self) -> None:
        if self._link.phase is Phase.PREVIEW:
            self._link.send(Stop(id=self._link.new_id()))
        super().reject()

    def _begin(self) -> None:
        self._link.begin()
        self.accept()

    def _enrolled(self, name: str) -> None:
        """Ask for a voice that can now be tested, or gone on with."""
        if self.isVisible():
            self._link.change(SetTarget(id=self._link.new_id(), target=f"voice:{name}"))
            self._chosen = True
            self._show_step()
            self.next.setFocus()

    def _picked(self, name: str) -> None:
        self._enrolled(name)
        self.steps.setCurrentIndex(READY)
        self._show_step()

    def _show_enrolling(self, busy: bool) -> None:
        self._enrolling = busy
        self._show_step()

    def _listen(self) -> None:
        """Open the microphone for its level."""
        self._heard_from = self._link.setup.input
        link = self._link
        if link.phase is Phase.PREVIEW:
            link.send(Stop(id=link.new_id()))
        if link.phase in (Phase.PREVIEW, Phase.STOPPED):
            link.send(Start(id=link.new_id(), preview=True), self._opened, self._unopened)

    def _listen_again(self, setup: Setup) -> None:
        if self.isVisible() and setup.input != self._heard_from:
            self._again.start(LISTEN_AGAIN_MS)

    def _hear(self, event: object) -> None:
        if isinstance(event, Level) and self.isVisible():
            self.input.meter.show_level(event.mixture)
            peak = event.mixture.peak
            loud = peak is not None and peak > -45.0
            self._level_words.setText(
                self.tr("You can be heard.") if loud else self.tr("Say something: the bar moves.")
            )

    def _opened(self, state: object) -> None:
        self._show_deaf(False)

    def _unopened(self, why: str) -> None:
        """Say what there is to be done without a microphone."""
        self._show_deaf(True)
        lacks = self.tr("No microphone was found.")
        fails = self.tr("It cannot be opened: {why}.").format(why=why)
        cure = self.tr("Connect one and look again, or listen to a file.")
        self._trouble.setText(f"{fails if self.input.there else lacks} {cure}")

    def _no_voices(self, why: str) -> None:
        """None can be offered: the page of voices says why."""
        self.pick.hide()

    def _show_deaf(self, deaf: bool) -> None:
        self._deaf = deaf
        self._intro.setText(self._not_open if deaf else self._is_open)
        self._level_words.setVisible(not deaf)
        self._cures.setVisible(deaf)
        self.input.meter.show_level(None)
        self._show_step()

    def _show_step(self) -> None:
        step = self.steps.currentIndex()
        self.back.setEnabled(step > MICROPHONE)
        self.next.setText(self.tr("Start") if step == READY else self.tr("Continue"))
        self.next.setAccessibleName(self.next.text())
        self.next.setEnabled(self._can_go_on(step, self.tabs.currentIndex()))
        if step == READY:
            self._ready.setText(self._summary())
            self.next.setFocus()

    def _can_go_on(self, step: int, tab: int) -> bool:
        if step == WHOM and tab == VOICE:
            return self._chosen and not self._enrolling
        if step == WHOM and tab == SOUND:
            return bool(self.words.words)
        return step == READY or not self._deaf

    def _summary(self) -> str:
        """What will happen, for each kind of target that is asked for."""
        targets = [one for one in self._link.setup.targets if one.on]
        if not targets:
            return self.tr("Everything that is heard will be captioned.")
        silent = self._link.setup.output == NO_OUTPUT and not self._link.engine.remote
        voices, sounds = _labels(targets, "voice"), _labels(targets, "sound")
        said: list[str] = []
        if voices and installed("voice") is None:
            said.append(
                self.tr(
                    "Captions will say when {names} speaks. No voice extractor is installed yet, "
                    "so the sound itself stays as it is."
                ).format(names=voices)
            )
        elif voices and silent:
            said.append(self.tr("You will read {names}.").format(names=voices))
        elif voices:
            said.append(self.tr("You will hear and read {names}.").format(names=voices))
        if sounds and installed("sound") is None:
            said.append(
                self.tr(
                    "{names} is in the list and waits for a sound extractor, which is not "
                    "installed yet. Until then everything is heard and captioned."
                ).format(names=sounds)
            )
        elif sounds and silent:
            said.append(self.tr("{names} is picked out of the rest.").format(names=sounds))
        elif sounds:
            said.append(self.tr("You will hear {names}.").format(names=sounds))
        if not said:
            said.append(self.tr("What you remove will be turned down."))
        if silent:
            said.append(
                self.tr("Nothing is played: to hear it too, choose an output beside the input.")
            )
        return "\n\n".join(said)

    def _microphone(self) -> QWidget:
        kept = self.tr("Nothing is kept, and nothing ever leaves this computer.")
        self._is_open = self.tr("It is open now to show how loud it is.") + " " + kept
        self._not_open = kept
        self._intro, self._level_words = soft(self._is_open), soft()
        self._trouble = QLabel()
        self._trouble.setWordWrap(True)
        graded(self._trouble, "bad")
        self._cures = QWidget()
        cures = QGridLayout(self._cures)
        cures.setContentsMargins(0, 0, 0, 0)
        cures.setVerticalSpacing(12)
        cures.addWidget(self._trouble, 0, 0, 1, 3)
        cures.addWidget(button(self.tr("Look again"), self.look_again), 1, 0)
        cures.addWidget(button(self.tr("A file…"), self.input.choose_file), 1, 1)
        cures.setColumnStretch(2, 1)
        self._cures.hide()
        parts = (self._intro, self.input, self._level_words, self._cures)
        return self._page(self.tr("Which microphone?"), *parts)

    def _whom(self) -> QWidget:
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName(self.tr("Whom or what"))
        everybody = soft(self.tr("Everything is heard, and everybody is captioned."))
        for parts, words in (
            ((self.pick, self.enrol), self.tr("A &voice")),
            ((self.words,), self.tr("A &sound")),
            ((everybody, None), self.tr("&Everything")),
        ):
            self.tabs.addTab(_tab(*parts), words)
        self.tabs.currentChanged.connect(lambda: self._show_step())
        return self._page(self.tr("Whom or what do you want to hear?"), self.tabs)

    def _start(self) -> QWidget:
        keys = soft(
            self.tr(
                "F5 starts and stops. Record keeps sound and captions in a folder. Ctrl+D puts the "
                "captions above all windows. Help → First steps brings this back."
            )
        )
        return self._page(self.tr("Ready"), self._ready, keys)

    def _page(self, head: str, *parts: QWidget) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(14)
        number = self._pages = self._pages + 1
        layout.addWidget(soft(self.tr("Step {number} of 3").format(number=number)))
        layout.addWidget(heading(head))
        for part in parts:
            layout.addWidget(part, 1 if isinstance(part, QTabWidget) else 0)
        if not isinstance(parts[-1], QTabWidget):
            layout.addStretch()
        return page


def _tab(*parts: QWidget | None) -> QWidget:
    """Parts below each other; None is room that is left free."""
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setSpacing(10)
    for part in parts:
        layout.addStretch() if part is None else layout.addWidget(part)
        inner = part.layout() if part is not None else None
        if inner is not None:
            inner.setContentsMargins(0, 0, 0, 0)
    return page


def _labels(targets: list[TargetWish], kind: str) -> str:
    return ", ".join(one.label for one in targets if one.kind == kind and not one.suppress)
