"""What has to be said now: one line over the page, with what to do about it."""

from collections.abc import Callable

from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton

from tap_live.ui.controls import button, marked, tool


class Banner(QFrame):
    """Say one thing at a time; the newest."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("banner")
        self._words = QLabel()
        self._words.setWordWrap(True)
        self._words.setAccessibleName(self.tr("Message"))
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(12, 8, 8, 8)
        self._row.addWidget(self._words, 1)
        self._close = tool("✕", self.tr("Dismiss the message"), self.hide)
        self._close.setObjectName("small")
        self._row.addWidget(self._close)
        self._actions: list[QPushButton] = []
        self.hide()

    @property
    def text(self) -> str:
        return self._words.text()

    def outdated(self) -> None:
        """Hide a note about a stream that is over; errors stay."""
        if self.property("grade") != "bad":
            self.hide()

    def say(
        self, text: str, grade: str = "bad", *actions: tuple[str, Callable[[], object]]
    ) -> None:
        """Show words, with a button for each thing that can be done."""
        names = {"bad": self.tr("Error"), "watch": self.tr("Note"), "good": ""}
        self._words.setText(f"{names[grade]}: {text}" if names[grade] else text)
        self._words.setAccessibleDescription(text)
        marked(self, "grade", grade)
        for old in self._actions:
            self._row.removeWidget(old)
            old.hide()
            old.deleteLater()
        self._actions = [self._action(words, do) for words, do in actions]
        self.show()

    def _action(self, words: str, do: Callable[[], object]) -> QPushButton:
        def done() -> None:
            self.hide()
            do()

        made = button(words, done)
        self._row.insertWidget(self._row.count() - 1, made)
        return made
