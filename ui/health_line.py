"""The line at the bottom: does the engine keep up, in words and figures."""

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel

from tap_live.ui.controls import graded
from tap_live.ui.health import Grade, Health

_ELIDE = Qt.TextElideMode.ElideRight
_GRADES = {Grade.GOOD: "good", Grade.WATCH: "watch", Grade.BAD: "bad"}


class HealthLine(QFrame):
    """Draw a `Health`."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("health")
        self._shown: Health | None = None
        self.words = QLabel()
        self.words.setAccessibleName(self.tr("Health of the engine"))
        self.figures = QLabel()
        self.figures.setProperty("soft", True)
        self.figures.setAccessibleName(self.tr("Delay, load, backlog, lost samples"))
        self.where = QLabel()
        self.where.setProperty("soft", True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 5, 14, 5)
        layout.setSpacing(18)
        layout.addWidget(self.words, 1)
        layout.addWidget(self.figures)
        layout.addWidget(self.where)

    def show_health(self, health: Health) -> None:
        if health == self._shown:
            return
        self._shown = health
        names = {
            Grade.GOOD: self.tr("● good"),
            Grade.WATCH: self.tr("▲ watch"),
            Grade.BAD: self.tr("■ trouble"),
        }
        text = f"{names[health.grade]}: {health.words}" if health.running else f"○ {health.words}"
        self.words.setText(self.words.fontMetrics().elidedText(text, _ELIDE, 620))
        self.words.setToolTip(text)
        self.words.setAccessibleDescription(text)
        graded(self.words, _GRADES[health.grade] if health.running else "")
        self.figures.setText(self._figures(health))
        self.figures.setToolTip(
            self.tr("delay: {parts}").format(parts=health.parts) if health.parts else ""
        )

    def _figures(self, health: Health) -> str:
        if not health.delay:
            return ""
        return self.tr(
            "delay {delay}  ·  load {load} of a core  ·  captions behind {backlog}  ·  lost {lost}"
        ).format(delay=health.delay, load=health.load, backlog=health.backlog, lost=health.lost)
