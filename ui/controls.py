"""Small controls, each with the name that a screen reader says."""

from collections.abc import Callable
from typing import Any

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QKeyEvent
from PyQt6.QtWidgets import (
    QComboBox,
    QLabel,
    QLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QWidget,
)


def tool(text: str, name: str, do: Callable[..., object], *, toggle: bool = False) -> QToolButton:
    """A small button; `do` takes whether it is on, if it toggles."""
    button = QToolButton()
    button.setText(text)
    button.setToolTip(name)
    button.setAccessibleName(name)
    button.setCheckable(toggle)
    if toggle:
        button.toggled.connect(do)
    else:
        button.clicked.connect(lambda: do())
    return button


def button(
    text: str, do: Callable[[], object], *, main: bool = False, danger: bool = False
) -> QPushButton:
    """A button that says what it does."""
    made = QPushButton(text)
    made.setAccessibleName(text.replace("&", ""))
    made.setProperty("main", main)
    made.setProperty("danger", danger)
    made.clicked.connect(lambda: do())
    return made


class OwnReturn(QLineEdit):
    """A line whose Enter key presses no button of the dialog around it."""

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        super().keyPressEvent(a0)
        if a0 is not None and a0.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            a0.accept()


def title(text: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("title")
    return label


def heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("heading")
    return label


def soft(text: str = "") -> QLabel:
    """Text of less weight, as long as it has to be."""
    label = QLabel(text)
    label.setProperty("soft", True)
    label.setWordWrap(True)
    return label


def graded(label: QLabel, grade: str) -> None:
    """Colour a label: good, watch or bad; the words say it too."""
    marked(label, "grade", grade)


def marked(widget: QWidget, name: str, value: str | bool) -> None:
    """Set a property that the style sheet looks at."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        style = widget.style()
        assert style is not None
        style.unpolish(widget)
        style.polish(widget)


def scrolling(layout: QLayout, name: str) -> QScrollArea:
    """A place for more than there is room for, which scrolls up and down."""
    inside = QWidget()
    inside.setObjectName("inside")
    inside.setLayout(layout)
    area = QScrollArea()
    area.setWidget(inside)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setAccessibleName(name)
    return area


def choice(name: str, items: list[tuple[str, Any]]) -> QComboBox:
    """A list to choose from: words, and what each stands for."""
    box = QComboBox()
    box.setAccessibleName(name)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(14)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    for words, data in items:
        box.addItem(words, data)
    return box
