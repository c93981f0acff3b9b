"""Ask for a sound by words: suggestions, and a warning about words that nobody knows."""

from PyQt6.QtCore import QStringListModel, pyqtSignal
from PyQt6.QtWidgets import QLabel, QLineEdit, QListView, QVBoxLayout, QWidget

from tap_live.errors import TapError
from tap_live.ui.controls import graded, soft
from tap_live.ui.words import WordBook


class WordsBox(QWidget):
    """A line for words; `ready` tells whether they can be asked for."""

    ready = pyqtSignal(bool)

    def __init__(self, book: WordBook | None = None) -> None:
        super().__init__()
        self._book = book or WordBook()
        self.line = QLineEdit()
        self.line.setPlaceholderText(self.tr("a dog barking"))
        self.line.setAccessibleName(self.tr("Words for a sound"))
        self.complaint = QLabel()
        self.complaint.setWordWrap(True)
        self.complaint.setAccessibleName(self.tr("What is wrong with the words"))
        self._model = QStringListModel()
        self.list = QListView()
        self.list.setModel(self._model)
        self.list.setSpacing(3)
        self.list.setAccessibleName(self.tr("Suggestions"))
        self.list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.list.clicked.connect(lambda index: self.line.setText(index.data()))
        self.list.activated.connect(lambda index: self.line.setText(index.data()))
        self.line.textChanged.connect(self._changed)
        layout = QVBoxLayout(self)
        layout.addWidget(soft(self.tr("Describe the sound in a few English words.")))
        layout.addWidget(self.line)
        layout.addWidget(self.complaint)
        layout.addWidget(self.list, 1)
        self._changed("")

    @property
    def words(self) -> str:
        return " ".join(self.line.text().split())

    def _changed(self, text: str) -> None:
        try:
            self._model.setStringList(self._book.suggestions(text))
            complaint = self._book.complaint(text) if text.strip() else ""
        except TapError as error:
            complaint = str(error)
        self.complaint.setText(complaint)
        graded(self.complaint, "watch")
        self.ready.emit(bool(text.strip()) and not complaint)
