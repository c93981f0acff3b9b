"""Enrolled voices: what is stored of whom; rename, delete, test, enrol."""

from typing import Any

from PyQt6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QInputDialog,
    QMessageBox,
    QVBoxLayout,
    QWidget,
)

from tap_live.events import DeleteVoice, ListVoices, RemoveTarget, RenameVoice, SetTarget
from tap_live.ui.controls import button, heading, soft, title
from tap_live.ui.enrol_box import EnrolBox
from tap_live.ui.link import Link
from tap_live.ui.table import Table


class VoicesPage(QWidget):
    """A table of voices, and the enrolment beside it."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        self.voices: list[dict[str, Any]] = []
        columns = [self.tr("Name"), self.tr("Clips"), self.tr("Speech"), self.tr("Noise")]
        self.table = Table(self.tr("Enrolled voices"), [*columns, self.tr("Last")])
        self.table.itemSelectionChanged.connect(self._show_chosen)
        self.stored = soft()
        self.enrol = EnrolBox(link)
        self.enrol.enrolled.connect(lambda name: self.refresh())
        self._acts = [
            button(self.tr("Use"), self._use),
            button(self.tr("Test"), self._test),
            button(self.tr("Add a clip"), self._more),
            button(self.tr("Rename…"), self._ask_name),
            button(self.tr("Delete…"), self._ask_delete, danger=True),
        ]
        layout = QGridLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(12)
        layout.addWidget(heading(self.tr("Voices")), 0, 0, 1, 2)
        layout.addWidget(self._left(), 1, 0)
        layout.addWidget(self._right(), 1, 1)
        layout.setColumnStretch(0, 3)
        layout.setColumnStretch(1, 2)
        layout.setRowStretch(1, 1)
        self._show([])

    def refresh(self) -> None:
        """Ask the engine for the list."""
        self._link.send(ListVoices(id=self._link.new_id()), self._show)

    def rename(self, name: str, to: str) -> None:
        link = self._link
        link.send(RenameVoice(id=link.new_id(), name=name, to=to), lambda _: self.refresh())

    def delete(self, name: str) -> None:
        """Remove a voice; it is no target any more either."""
        link = self._link
        link.send(DeleteVoice(id=link.new_id(), name=name), lambda _: self.refresh())
        if link.setup.target(f"voice:{name}") is not None:
            link.change(RemoveTarget(id=link.new_id(), target=f"voice:{name}"))

    @property
    def chosen(self) -> dict[str, Any] | None:
        row = self.table.currentRow()
        return self.voices[row] if 0 <= row < len(self.voices) else None

    def _show(self, voices: list[dict[str, Any]]) -> None:
        before = self.chosen["name"] if self.chosen else None
        self.voices = voices
        self.table.show_rows([self._row(voice) for voice in voices])
        names = [voice["name"] for voice in voices]
        if names:
            self.table.selectRow(names.index(before) if before in names else 0)
        self._show_chosen()

    def _row(self, voice: dict[str, Any]) -> tuple[str, ...]:
        snr = voice.get("snr")
        noise = "" if snr is None else self.tr("{snr:.0f} dB below").format(snr=snr)
        speech = f"{voice['speech']:.0f} s"
        return voice["name"], str(voice["clips"]), speech, noise, voice.get("made", "")

    def _show_chosen(self) -> None:
        voice = self.chosen
        for act in self._acts:
            act.setEnabled(voice is not None)
        if voice is None:
            self.stored.setText(self.tr("Nobody is enrolled yet."))
            return
        self.stored.setText(
            self.tr("Stored in {file}, for you alone to read: {what}.").format(
                file=voice.get("stored", "?"), what=voice.get("what", "?")
            )
        )

    def _use(self) -> None:
        if self.chosen:
            name, link = f"voice:{self.chosen['name']}", self._link
            link.change(SetTarget(id=link.new_id(), target=name))

    def _test(self) -> None:
        if self.chosen:
            self.enrol.reset(self.chosen["name"])
            self.enrol.check()

    def _more(self) -> None:
        if self.chosen:
            self.enrol.reset(self.chosen["name"])

    def _ask_name(self) -> None:
        if self.chosen:
            old = self.chosen["name"]
            new, agreed = QInputDialog.getText(
                self, self.tr("Rename"), self.tr("New name for {name}:").format(name=old), text=old
            )
            if agreed and new.strip() and new.strip() != old:
                self.rename(old, new.strip())

    def _ask_delete(self) -> None:
        if self.chosen:
            name = self.chosen["name"]
            text = self.tr("Delete {name} and all that is stored of this voice?")
            answer = QMessageBox.question(self, self.tr("Delete"), text.format(name=name))
            if answer == QMessageBox.StandardButton.Yes:
                self.delete(name)

    def _left(self) -> QFrame:
        box = QFrame()
        box.setObjectName("box")
        row = QHBoxLayout()
        for act in self._acts:
            row.addWidget(act)
        row.addStretch()
        layout = QVBoxLayout(box)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.addWidget(self.table, 1)
        layout.addLayout(row)
        layout.addWidget(self.stored)
        return box

    def _right(self) -> QFrame:
        box = QFrame()
        box.setObjectName("box")
        layout = QVBoxLayout(box)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.addWidget(title(self.tr("Enrol a voice")))
        layout.addWidget(self.enrol)
        return box
