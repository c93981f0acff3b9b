"""The first start: choose the microphone, say who or what, start."""

from pathlib import Path

from PyQt6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from tap_live.events import ListVoices, SetTarget, Stop
from tap_live.ui.controls import button, heading, soft
from tap_live.ui.engine import Phase
from tap_live.ui.enrol_box import EnrolBox
from tap_live.ui.intent import intent
from tap_live.ui.link import Link
from tap_live.ui.microphone_step import MicrophoneStep
from tap_live.ui.voice_pick import VoicePick
from tap_live.ui.words_box import WordsBox

MICROPHONE, WHOM, READY = range(3)
VOICE, SOUND = range(2)  # tabs; the third is everything


class Guide(QDialog):
    """Three steps; the microphone is open to show its level, and nothing is kept of it."""

    def __init__(self, link: Link, demo: Path | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._pages = 0
        self._chosen = False  # whether a voice was, in these steps
        self._enrolling = False
        self.setWindowTitle(self.tr("First steps"))
        self.resize(620, 560)
        self.steps = QStackedWidget()
        self.microphone = MicrophoneStep(link, demo)
        self.pick, self.enrol, self.words = VoicePick(), EnrolBox(link), WordsBox()
        self.next = button(self.tr("Continue"), self.go_on, main=True)
        self.next.setDefault(True)
        self.back = button(self.tr("Back"), self.go_back)
        self.skip = button(self.tr("Not now"), self.reject)
        self._ready = soft()
        which = self._page(self.tr("Which microphone?"), self.microphone)
        for page in (which, self._whom(), self._start()):
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
        self.microphone.ready.connect(lambda ready: self._show_step())
        link.send(ListVoices(id=link.new_id()), self.pick.show_voices, self._no_voices)
        self.microphone.look_again()
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

    def _no_voices(self, why: str) -> None:
        """None can be offered: the page of voices says why."""
        self.pick.hide()

    def _show_step(self) -> None:
        step = self.steps.currentIndex()
        self.back.setEnabled(step > MICROPHONE)
        self.next.setText(self.tr("Start") if step == READY else self.tr("Continue"))
        self.next.setAccessibleName(self.next.text())
        self.next.setEnabled(self._can_go_on(step, self.tabs.currentIndex()))
        if step == READY:
            self._ready.setText(intent(self._link.setup, self._link.engine.remote))
            self.next.setFocus()

    def _can_go_on(self, step: int, tab: int) -> bool:
        if step == WHOM and tab == VOICE:
            return self._chosen and not self._enrolling
        if step == WHOM and tab == SOUND:
            return bool(self.words.words)
        return step == READY or not self.microphone.deaf

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
