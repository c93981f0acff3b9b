"""Captions with what can be done with them: search, copy, save, large type, a strip."""

from pathlib import Path

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QApplication,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from tap_live.errors import TapError
from tap_live.ui.caption_view import CaptionView
from tap_live.ui.controls import title, tool
from tap_live.ui.transcript import Transcript


class CaptionBox(QFrame):
    """A `CaptionView` and its tools."""

    strip_wanted = pyqtSignal(bool)
    trouble = pyqtSignal(str)
    told = pyqtSignal(str)

    def __init__(self, transcript: Transcript) -> None:
        super().__init__()
        self.setObjectName("box")
        self._transcript = transcript
        self.view = CaptionView(transcript)
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search"))
        self.search.setAccessibleName(self.tr("Search in the captions"))
        self.search.setClearButtonEnabled(True)
        self.search.setMinimumWidth(90)
        self.search.setMaximumWidth(220)
        self.search.textChanged.connect(lambda text: self._search(text))
        self.search.returnPressed.connect(lambda: self._search(self.search.text()))
        self._found = QLabel()
        self._found.setProperty("soft", True)
        self.large = tool(self.tr("Large"), self.tr("Large type"), self.view.set_large, toggle=True)
        self.strip = tool(
            self.tr("Strip"),
            self.tr("Captions in a strip that stays on top"),
            self.strip_wanted.emit,
            toggle=True,
        )
        copy = tool(self.tr("Copy"), self.tr("Copy what is selected, or all"), self.copy)
        save = tool(self.tr("Save…"), self.tr("Save the captions as VTT, SRT or text"), self.save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.addLayout(self._tools(copy, save))
        layout.addWidget(self.view)

    def export(self, path: Path) -> None:
        """Save the captions; tells how many, or what is wrong."""
        try:
            count = self._transcript.export(path)
        except TapError as error:
            self.trouble.emit(str(error))
        else:
            self.told.emit(self.tr("{count} captions are in {path}").format(count=count, path=path))

    def copy(self) -> None:
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        selected = self.view.textCursor().selectedText().replace("\u2029", "\n")
        clipboard.setText(selected or self._transcript.text())

    def save(self) -> None:
        formats = "WebVTT (*.vtt);;SubRip (*.srt);;Text (*.txt)"
        name, chosen = QFileDialog.getSaveFileName(
            self, self.tr("Save the captions"), "captions.vtt", formats
        )
        if name:
            path = Path(name)
            self.export(path if path.suffix else path.with_suffix(chosen[-5:-1]))

    def find_next(self) -> None:
        self._search(self.search.text())

    def find_previous(self) -> None:
        self._search(self.search.text(), back=True)

    def _search(self, text: str, back: bool = False) -> None:
        found = self.view.search(text, back)
        self._found.setText("" if found or not text else self.tr("not found"))

    def _tools(self, copy: QToolButton, save: QToolButton) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(title(self.tr("Captions")))
        row.addStretch()
        row.addWidget(self._found)
        previous = tool("↑", self.tr("Previous match"), self.find_previous)
        following = tool("↓", self.tr("Next match"), self.find_next)
        for arrow in (previous, following):
            arrow.setObjectName("small")
        widgets: list[QWidget] = [self.search, previous, following, copy, save]
        for widget in (*widgets, self.large, self.strip):
            row.addWidget(widget, alignment=Qt.AlignmentFlag.AlignVCenter)
        return row
