"""The line at the bottom: does the engine keep up, in words and figures."""

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel

from tap_live.ui.controls import graded
from tap_live.ui.health import Grade, Health

_GRADES = {Grade.GOOD: "good", Grade.WATCH: "watch", Grade.BAD: "bad"}


class Elided(QLabel):
    """A line that shows as much of its text as there is room for; the tool tip has all of it."""

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        room = self.contentsRect()
        shown = self.fontMetrics().elidedText(
            self.text(), Qt.TextElideMode.ElideRight, room.width()
        )
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, shown)
        painter.end()


class HealthLine(QFrame):
    """Draw a `Health`; where there is little room, words have it before figures."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("health")
        self._shown: Health | None = None
        self.words = Elided()
        self.words.setAccessibleName(self.tr("Health of the engine"))
        self.figures = Elided()
        self.figures.setProperty("soft", True)
        self.figures.setAccessibleName(self.tr("Delay, load, backlog, lost samples"))
        self.where = QLabel()
        self.where.setProperty("soft", True)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(14, 5, 14, 5)
        self._row.setSpacing(18)
        self._row.addWidget(self.words, 1)
        self._row.addWidget(self.figures)
        self._row.addWidget(self.where)

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
        self.words.setText(text)
        self.words.setToolTip(text)
        self.words.setAccessibleDescription(text)
        graded(self.words, _GRADES[health.grade] if health.running else "")
        figures = self._figures(health)
        parts = self.tr("delay: {parts}").format(parts=health.parts) if health.parts else ""
        self.figures.setText(figures)
        self.figures.setToolTip("\n".join(line for line in (figures, parts) if line))
        self._share_room()

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        super().resizeEvent(a0)
        self._share_room()

    def _share_room(self) -> None:
        margins = self._row.contentsMargins()
        ends = margins.left() + margins.right() + 2 * self._row.spacing()
        room = max(0, self.width() - ends - self.where.sizeHint().width())
        words = min(self.words.sizeHint().width(), room)
        self.figures.setMaximumWidth(room - words)

    def _figures(self, health: Health) -> str:
        if not health.delay:
            return ""
        return self.tr(
            "delay {delay}  ·  load {load} of a core  ·  captions behind {backlog}  ·  lost {lost}"
        ).format(delay=health.delay, load=health.load, backlog=health.backlog, lost=health.lost)
