"""What has to be said now, with what to do about it.

It lies over the empty part of the menu bar: nothing moves when it comes, and it covers nothing
that one could be about to click.
"""

from collections.abc import Callable

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from tap_live.ui.controls import button, marked, tool

SHORTEST_MS, LETTER_MS = 6000, 50  # for how long a note that passes can be read


class Banner(QFrame):
    """Say one thing at a time; the newest."""

    def __init__(self, over: QWidget) -> None:
        super().__init__(over)
        self.setObjectName("banner")
        self._left = 0
        self._words = QLabel()
        self._words.setWordWrap(True)
        self._words.setAccessibleName(self.tr("Message"))
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(12, 4, 6, 4)
        self._row.addWidget(self._words, 1)
        self._close = tool("✕", self.tr("Dismiss the message"), self.hide)
        self._close.setObjectName("small")
        self._row.addWidget(self._close)
        self._actions: list[QPushButton] = []
        self._passes = QTimer(self)
        self._passes.setSingleShot(True)
        self._passes.timeout.connect(self._pass)
        self.hide()

    @property
    def text(self) -> str:
        return self._words.text()

    def outdated(self) -> None:
        """Hide a note about a stream that is over; errors stay."""
        if self.property("grade") != "bad":
            self.hide()

    def say(
        self,
        text: str,
        grade: str = "bad",
        *actions: tuple[str, Callable[[], object]],
        stays: bool = False,
    ) -> None:
        """Show words, with a button for each thing that can be done.

        Args:
            stays: a note, until somebody dismisses it; errors always do.
        """
        names = {"bad": self.tr("Error"), "watch": self.tr("Note"), "good": ""}
        self._words.setText(f"{names[grade]}: {text}" if names[grade] else text)
        self._words.setAccessibleDescription(text)
        marked(self, "grade", grade)
        for old in self._actions:
            self._row.removeWidget(old)
            old.hide()
            old.deleteLater()
        self._actions = [self._action(words, do) for words, do in actions]
        self._passes.stop()
        if grade != "bad" and not actions and not stays:
            self._passes.start(SHORTEST_MS + LETTER_MS * len(text))
        self.place(self._left)
        self.show()
        self.raise_()

    def place(self, left: int) -> None:
        """Lie at the top of what it lies over, from a place to the right end."""
        self._left = left
        over = self.parentWidget()
        assert over is not None
        width = over.width() - left - 12
        self.setGeometry(left, 3, width, self._row.totalHeightForWidth(width))

    def _pass(self) -> None:
        if self.underMouse():  # somebody reads it, or is about to dismiss it
            self._passes.start(SHORTEST_MS)
        else:
            self.hide()

    def _action(self, words: str, do: Callable[[], object]) -> QPushButton:
        def done() -> None:
            self.hide()
            do()

        made = button(words, done)
        made.setParent(self)
        self._row.insertWidget(self._row.count() - 1, made)
        made.show()
        return made
