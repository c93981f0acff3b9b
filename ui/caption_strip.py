"""The newest captions in a strip that stays above all windows.

Drag it, or move it with the arrow keys; + and - change how much shines through; Escape closes.
"""

from html import escape

from PyQt6.QtCore import QPoint, QRectF, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QFont, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PyQt6.QtWidgets import QLabel, QVBoxLayout, QWidget

from tap_live.ui.caption_view import CaptionView
from tap_live.ui.colours import DARK, Theme, readable, seen_through
from tap_live.ui.transcript import Transcript

MOST_LINES, LONGEST = 2, 160  # characters of a line: the newest
STEP, MOVE = 0.1, 24  # of opacity, and pixels
LOWEST = 130  # pixels
LEAST = 0.65  # opacity at which words can still be made readable whatever lies behind


class CaptionStrip(QWidget):
    """Draw the end of a transcript."""

    closed = pyqtSignal()

    def __init__(self, transcript: Transcript, view: CaptionView) -> None:
        super().__init__(
            None,
            Qt.WindowType.FramelessWindowHint
            | Qt.WindowType.WindowStaysOnTopHint
            | Qt.WindowType.Tool,
        )
        self._transcript, self._view = transcript, view
        self._theme = DARK
        self._drawn = -1
        self._grabbed: QPoint | None = None
        self.opacity = 0.85
        self.setWindowTitle(self.tr("Captions"))
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Caption strip"))
        self.words = QLabel()
        self.words.setTextFormat(Qt.TextFormat.RichText)
        self.words.setWordWrap(True)
        self.words.setAccessibleName(self.tr("Newest captions"))
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * 2)
        self.words.setFont(font)
        self.words.setAlignment(Qt.AlignmentFlag.AlignVCenter)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(24, 12, 24, 12)
        self._column.addWidget(self.words)
        self.resize(960, LOWEST)
        self.setToolTip(
            self.tr("Drag to move; arrow keys move too; + and − change the opacity; Esc closes")
        )

    def draw(self) -> None:
        """Show what is newest."""
        if not self.isVisible() or self._drawn == self._transcript.revision:
            return
        self._drawn = self._transcript.revision
        self.words.setText(self._html() or escape(self.tr("Captions appear here.")))
        needed = self._column.totalHeightForWidth(self.width())
        self.resize(self.width(), max(LOWEST, needed))

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self._show_anew()

    def set_opacity(self, opacity: float) -> None:
        """Of the ground; words are always whole, and can be read whatever shines through."""
        self.opacity = min(1.0, max(LEAST, opacity))
        self._show_anew()

    def _show_anew(self) -> None:
        self._drawn = -1
        self.words.setStyleSheet(f"color: {self._readable(self._theme.text)};")
        self.draw()
        self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = QColor(self._theme.panel)
        ground.setAlphaF(self.opacity)
        painter.setBrush(ground)
        painter.setPen(QColor(self._theme.line))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 12, 12)
        painter.end()

    def mousePressEvent(self, a0: QMouseEvent | None) -> None:
        if a0 is not None and a0.button() is Qt.MouseButton.LeftButton:
            self._grabbed = a0.globalPosition().toPoint() - self.pos()

    def mouseMoveEvent(self, a0: QMouseEvent | None) -> None:
        if a0 is not None and self._grabbed is not None:
            self.move(a0.globalPosition().toPoint() - self._grabbed)

    def mouseReleaseEvent(self, a0: QMouseEvent | None) -> None:
        self._grabbed = None

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        if a0 is None:
            return
        key = a0.key()
        moves = {
            Qt.Key.Key_Left: QPoint(-MOVE, 0),
            Qt.Key.Key_Right: QPoint(MOVE, 0),
            Qt.Key.Key_Up: QPoint(0, -MOVE),
            Qt.Key.Key_Down: QPoint(0, MOVE),
        }
        if key in moves:
            self.move(self.pos() + moves[Qt.Key(key)])
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Minus):
            self.set_opacity(self.opacity + (STEP if key == Qt.Key.Key_Plus else -STEP))
        elif key == Qt.Key.Key_Escape:
            self.hide()
            self.closed.emit()

    def _html(self) -> str:
        transcript, lines = self._transcript, list[str]()
        cues = [line.cue for line in list(transcript.lines)[-MOST_LINES:]]
        if transcript.open is not None:
            cues.append(transcript.open.cue)
        for cue in cues:
            lines.append(self._line(cue.speaker, cue.text, self._theme.text))
        before = transcript.open.cue.speaker if transcript.open is not None else ""
        for partial in transcript.partials:
            if partial.speaker == before and lines:
                lines[-1] += " " + self._words(partial.text, self._theme.partial)
            else:
                lines.append(self._line(partial.speaker, partial.text, self._theme.partial))
            before = partial.speaker
        return "<br>".join(lines[-MOST_LINES:])

    def _words(self, text: str, colour: str) -> str:
        shown = text if len(text) <= LONGEST else "…" + text[-LONGEST:]
        return f'<span style="color:{self._readable(colour)}">{escape(shown)}</span>'

    def _line(self, speaker: str | None, text: str, colour: str) -> str:
        words = self._words(text, colour)
        if not speaker:
            return words
        own = self._theme.muted if speaker == "other" else self._view.colour_of(speaker)
        return f'<b style="color:{self._readable(own)}">{escape(speaker)}</b> {words}'

    def _readable(self, colour: str) -> str:
        return readable(colour, seen_through(self._theme, self.opacity))
