"""Add a target: a voice that is enrolled or shall be, words for a sound, an example of one."""

from typing import Any

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QRadioButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from tap_live.events import ListVoices, SetTarget
from tap_live.extractors.network import installed
from tap_live.ui.bringing import Bringing
from tap_live.ui.clip_box import ClipBox
from tap_live.ui.controls import button, graded, soft
from tap_live.ui.enrol_box import EnrolBox
from tap_live.ui.link import Link
from tap_live.ui.words_box import WordsBox

VOICE, WORDS, CLIP, ENROL = range(4)


class AddTarget(QDialog):
    """Ask what is wanted, and tell the engine."""

    def __init__(self, link: Link, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._bringing = Bringing(link, self)
        self._bringing.told.connect(self._sending)
        self.setWindowTitle(self.tr("Add a target"))
        self.resize(560, 520)
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName(self.tr("How to ask"))
        self.voices = QListWidget()
        self.voices.setAccessibleName(self.tr("Enrolled voices"))
        self.words, self.clip, self.enrol = WordsBox(), ClipBox(), EnrolBox(link)
        self.tabs.addTab(self._voice_page(), self.tr("A &voice"))
        self.tabs.addTab(self.words, self.tr("A sound, by &words"))
        self.tabs.addTab(self.clip, self.tr("A sound, by e&xample"))
        self.tabs.addTab(self.enrol, self.tr("&Enrol a voice"))
        self.keep = QRadioButton(self.tr("&Keep it"))
        self.away = QRadioButton(self.tr("&Remove it"))
        self.keep.setAccessibleName(self.tr("Keep it"))
        self.away.setAccessibleName(self.tr("Remove it"))
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.add = button(self.tr("Add"), self.accept, main=True)
        self.add.setDefault(True)
        self._lay_out()
        self.tabs.currentChanged.connect(lambda: self._show_ready())
        self.voices.currentRowChanged.connect(lambda: self._show_ready())
        self.words.ready.connect(lambda: self._show_ready())
        self.clip.ready.connect(lambda: self._show_ready())
        self.away.toggled.connect(lambda: self._show_ready())
        self.enrol.enrolled.connect(self._enrolled)
        link.send(ListVoices(id=link.new_id()), self._show_voices, self._trouble)
        self._show_ready()

    def target(self) -> str | None:
        """What is asked for now, as commands name it; None if that is nothing yet."""
        page = self.tabs.currentIndex()
        item = self.voices.currentItem()
        if page in (VOICE, ENROL):
            return f"voice:{item.text()}" if item is not None else None
        if page == WORDS and self.words.words and not self.words.complaint.text():
            return f"text:{self.words.words}"
        if page == CLIP and self.clip.path is not None:
            return f"clip:{self.clip.path.name}"
        return None

    def accept(self) -> None:
        """Tell the engine; stay open if it refuses."""
        name = self.target()
        if name is None:
            return
        if name.startswith("clip:") and self.clip.path is not None:
            self.add.setEnabled(False)
            self._bringing.bring(self.clip.path, self._ask_for_clip, self._refused)
        else:
            self._ask_for(name)

    def _ask_for_clip(self, name: str) -> None:
        if self.isVisible():  # it was not cancelled meanwhile
            self._ask_for(f"clip:{name}")

    def _ask_for(self, name: str) -> None:
        command = SetTarget(id=self._link.new_id(), target=name, suppress=self.away.isChecked())
        self._link.change(command, self._link.trouble.emit)
        super().accept()

    def done(self, a0: int) -> None:
        self.enrol.close_microphone()
        super().done(a0)

    def _show_voices(self, voices: list[dict[str, Any]]) -> None:
        names = [voice["name"] for voice in voices]
        chosen = self.voices.currentItem()
        keep = chosen.text() if chosen is not None else ""
        self.voices.clear()
        self.voices.addItems(names)
        if names:
            self.voices.setCurrentRow(names.index(keep) if keep in names else 0)
        self._none.setVisible(not names)
        self._show_ready()

    def _enrolled(self, name: str) -> None:
        self.voices.addItem(name)
        self.voices.setCurrentRow(self.voices.count() - 1)
        self._none.setVisible(False)
        self._show_ready()

    def _show_ready(self) -> None:
        self.add.setEnabled(self.target() is not None)
        self.note.setText(self._limits())
        graded(self.note, "watch")

    def _limits(self) -> str:
        """Say plainly what an engine without extractors cannot do."""
        if self._link.engine.remote:
            return ""
        voice = self.tabs.currentIndex() in (VOICE, ENROL)
        if installed("voice" if voice else "sound") is not None:
            return ""
        if voice and not self.away.isChecked():
            return self.tr(
                "No voice extractor is installed yet: captions will follow this voice, the sound "
                "stays as it is."
            )
        return self.tr(
            "No extractor for this is installed yet: the target is kept in the list and waits "
            "for it; nothing changes in the sound."
        )

    def _refused(self, why: str) -> None:
        self.add.setEnabled(True)
        self._trouble(why)

    def _sending(self, done: int, total: int) -> None:
        self.note.setText(self.tr("Sending the clip: {share}").format(share=f"{done / total:.0%}"))
        graded(self.note, "")

    def _trouble(self, text: str) -> None:
        self.note.setText(text)
        graded(self.note, "bad")

    def _voice_page(self) -> QWidget:
        page = QWidget()
        self._none = soft(self.tr("Nobody is enrolled yet."))
        self._none.setVisible(False)
        layout = QVBoxLayout(page)
        layout.addWidget(soft(self.tr("Whom do you want to hear and read?")))
        layout.addWidget(self.voices, 1)
        layout.addWidget(self._none)
        layout.addWidget(
            button(self.tr("Enrol another…"), lambda: self.tabs.setCurrentIndex(ENROL))
        )
        return page

    def _lay_out(self) -> None:
        self.keep.setChecked(True)
        group = QButtonGroup(self)
        choices = QHBoxLayout()
        for radio in (self.keep, self.away):
            group.addButton(radio)
            choices.addWidget(radio)
        choices.addStretch()
        ends = QHBoxLayout()
        ends.addStretch()
        ends.addWidget(button(self.tr("Cancel"), self.reject))
        ends.addWidget(self.add)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(self.tabs, 1)
        layout.addLayout(choices)
        layout.addWidget(self.note)
        layout.addLayout(ends)
        self.setWindowModality(Qt.WindowModality.WindowModal)
