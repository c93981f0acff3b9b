"""How loud something is: a bar with its peak, and the number."""

from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from tap_live.events import Decibels, Loudness
from tap_live.ui import theme
from tap_live.ui.colours import Theme

QUIETEST, WATCH, HOT = -60.0, -12.0, -3.0  # dBFS
_NUMBER = 58  # pixels for it


class LevelMeter(QWidget):
    """Draw the newest level that `show_level` was given."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._theme = theme.current()
        self._rms: Decibels = None
        self._peak: Decibels = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(name)

    def show_level(self, level: Loudness | None) -> None:
        rms, peak = (level.rms, level.peak) if level else (None, None)
        if (rms, peak) == (self._rms, self._peak):
            return
        self._rms, self._peak = rms, peak
        self.setAccessibleDescription(self._words())
        self.update()

    def set_theme(self, wanted: Theme) -> None:
        self._theme = wanted
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(160, 18)

    def minimumSizeHint(self) -> QSize:
        return QSize(110, 18)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        colours, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width, height = self.width() - _NUMBER, self.height()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.field))
        track = QRectF(0, height / 2 - 4, width, 8)
        painter.drawRoundedRect(track, 4, 4)
        if self._rms is not None:
            painter.setBrush(QColor(self._colour()))
            painter.drawRoundedRect(QRectF(0, track.y(), width * _share(self._rms), 8), 4, 4)
        if self._peak is not None:
            painter.setBrush(QColor(colours.text))
            painter.drawRect(QRectF(max(0.0, width * _share(self._peak) - 2), track.y(), 2, 8))
        painter.setPen(QColor(colours.muted))
        painter.drawText(
            QRectF(width + 4, 0, _NUMBER - 4, height),
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
            self._words(),
        )
        painter.end()

    def _words(self) -> str:
        return self.tr("silent") if self._rms is None else f"{self._rms:.0f} dB"

    def _colour(self) -> str:
        peak = self._peak if self._peak is not None else QUIETEST
        if peak > HOT:
            return self._theme.bad
        return self._theme.watch if peak > WATCH else self._theme.good


def _share(level: float) -> float:
    return min(1.0, max(0.0, 1 - level / QUIETEST))
