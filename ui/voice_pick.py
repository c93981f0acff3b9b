"""Take a voice that is enrolled already."""

from typing import Any

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QWidget

from tap_live.ui.controls import button, choice


class VoicePick(QWidget):
    """A list of voices, which is not there while nobody is enrolled; `picked` tells the name."""

    picked = pyqtSignal(str)

    def __init__(self) -> None:
        super().__init__()
        self.box = choice(self.tr("Enrolled voices"), [])
        self.use = button(self.tr("Use this voice"), self._pick)
        label = QLabel(self.tr("Enrolled already:"))
        label.setBuddy(self.box)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(label)
        row.addWidget(self.box, 1)
        row.addWidget(self.use)
        self.hide()

    def show_voices(self, voices: list[dict[str, Any]]) -> None:
        """Offer these, as `list_voices` gives them."""
        self.box.clear()
        self.box.addItems([voice["name"] for voice in voices])
        self.setVisible(bool(voices))

    def _pick(self) -> None:
        self.picked.emit(self.box.currentText())
