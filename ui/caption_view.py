"""The captions as they come: finals, and greyed what may still change.

A line is one block of a plain text document, which lays out only what is seen; so four hours
of captions scroll as well as four lines. The view follows the newest line until its reader
scrolls away from it, whatever becomes of sizes and fonts meanwhile.
"""

from PyQt6.QtCore import QPoint, Qt, pyqtSignal
from PyQt6.QtGui import (
    QColor,
    QFont,
    QKeyEvent,
    QMouseEvent,
    QResizeEvent,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
)
from PyQt6.QtWidgets import QApplication, QPlainTextEdit, QScrollBar, QTextEdit

from tap_live.events import Caption
from tap_live.ui.colours import DARK, Theme, speaker_colours
from tap_live.ui.controls import button
from tap_live.ui.hanging import HangingLayout, hang
from tap_live.ui.transcript import MOST, PARTIALS, Line, Transcript

LARGE = 1.9  # times as large
_MARKED = 100  # matches that are marked at once
_PARTIAL = -2  # state of a block that is no final
_EDGE = 10  # pixels between a button that lies over the captions and their edge


class CaptionView(QPlainTextEdit):
    """Draw a transcript; `chosen` tells the final that was clicked."""

    chosen = pyqtSignal(object)

    def __init__(self, transcript: Transcript) -> None:
        super().__init__()
        self.setObjectName("captions")
        self.setAccessibleName(self.tr("Captions"))
        self.setPlaceholderText(self.tr("What is said appears here."))
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._transcript = transcript
        self._theme = DARK
        self._colours = speaker_colours(DARK)
        self._speakers: dict[str, int] = {}
        self._drawn, self._count, self._tail = -1, 0, 0
        self._blank = True  # whether the document's only block is unused
        self._size = self.font().pointSizeF()
        self._pressed = QPoint()
        self._wanted = ""
        self._follows = True  # the newest line
        document = QTextDocument(self)
        document.setDocumentLayout(HangingLayout(document))
        self.setDocument(document)
        self.newest = button(self.tr("To the newest ↓"), self.follow, main=True)
        self.newest.setParent(self)
        self.newest.setFont(QApplication.font())  # not large
        self.newest.hide()
        self._bar.actionTriggered.connect(lambda: self._scrolled(self._bar.sliderPosition()))
        self.setMaximumBlockCount(MOST + PARTIALS)
        self.set_large(False)

    def draw(self) -> None:
        """Show what is new, and the newest of it where one follows."""
        if self._transcript.revision != self._drawn:
            self._take_news()
        if self._follows and self._bar.value() < self._bar.maximum():
            self._bar.setValue(self._bar.maximum())

    def follow(self) -> None:
        """Go to the newest line, and stay there."""
        self._bar.setValue(self._bar.maximum())
        self._scrolled(self._bar.maximum())
        self.setFocus()

    def set_theme(self, theme: Theme) -> None:
        self._theme, self._colours = theme, speaker_colours(theme)
        self._redraw()

    def set_large(self, on: bool) -> None:
        font = QFont(self.font())
        font.setPointSizeF(self._size * (LARGE if on else 1.15))
        self.setFont(font)

    def colour_of(self, speaker: str) -> str:
        """A colour of the speaker's own, as long as there are any."""
        number = self._speakers.setdefault(speaker, len(self._speakers))
        return self._colours[number % len(self._colours)]

    def search(self, text: str, back: bool = False) -> bool:
        """Go to the next place where a text stands, around the end; mark all that are near."""
        self._wanted = text
        self._mark_all()
        found = bool(text) and self._find_around(text, back)
        if found:
            self._scrolled(self._bar.value())
        return found

    def mousePressEvent(self, e: QMouseEvent | None) -> None:
        if e is not None:
            self._pressed = e.position().toPoint()
        super().mousePressEvent(e)

    def mouseReleaseEvent(self, e: QMouseEvent | None) -> None:
        super().mouseReleaseEvent(e)
        self._scrolled(self._bar.value())  # what is marked may have led away
        if e is None or e.button() is not Qt.MouseButton.LeftButton:
            return
        here = e.position().toPoint()
        if (here - self._pressed).manhattanLength() < 4 and not self.textCursor().hasSelection():
            self._choose(self.cursorForPosition(here).block())

    def keyPressEvent(self, e: QKeyEvent | None) -> None:
        if e is not None and e.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._choose(self.textCursor().block())
            return
        super().keyPressEvent(e)
        self._scrolled(self._bar.value())

    def resizeEvent(self, e: QResizeEvent | None) -> None:
        super().resizeEvent(e)
        self._place_button()
        self.draw()

    @property
    def _bar(self) -> QScrollBar:
        bar = self.verticalScrollBar()
        assert bar is not None
        return bar

    def _scrolled(self, value: int) -> None:
        """Somebody went to a line: whoever leaves the newest follows it no more."""
        self._follows = value >= self._bar.maximum()
        self.newest.setVisible(not self._follows)
        self._place_button()

    def _place_button(self) -> None:
        self.newest.adjustSize()
        room = self.contentsRect()
        left = room.right() - self.newest.width() - self._bar.width() - _EDGE
        self.newest.move(left, room.bottom() - self.newest.height() - _EDGE)

    def _take_news(self) -> None:
        transcript = self._transcript
        self._drawn = transcript.revision
        if transcript.count < self._count:
            self._forget()
        self._cut_tail()
        new = min(transcript.count - self._count, len(transcript.lines))
        for place in range(-new, 0):  # from the end, which a deque finds at once
            self._append(transcript.lines[place])
        self._count = transcript.count
        self._tail = self._append_tail(transcript.open, transcript.partials)

    def _find_around(self, text: str, back: bool) -> bool:
        """Find the next place, from the other end if there is none before this one."""
        flags = QTextDocument.FindFlag.FindBackward if back else QTextDocument.FindFlag(0)
        if self.find(text, flags):
            return True
        before = self.textCursor()
        edge = QTextCursor.MoveOperation.End if back else QTextCursor.MoveOperation.Start
        self.moveCursor(edge)
        if self.find(text, flags):
            return True
        self.setTextCursor(before)
        return False

    def _choose(self, block: QTextBlock) -> None:
        number, lines = block.userState(), self._transcript.lines
        open = self._transcript.open
        if open is not None and number == open.number:
            self.chosen.emit(open)
        elif lines and 0 <= number - lines[0].number < len(lines):
            self.chosen.emit(lines[number - lines[0].number])

    def _redraw(self) -> None:
        place = self._bar.value()
        self._forget()
        self._drawn = -1
        self.draw()
        if not self._follows:
            self._bar.setValue(place)

    def _forget(self) -> None:
        self.clear()
        self._count, self._tail = self._transcript.count - len(self._transcript.lines), 0
        self._blank = True

    def _cut_tail(self) -> None:
        """Take away what may have changed: the last blocks."""
        if not self._tail:
            return
        document = self.document()
        assert document is not None
        cursor = QTextCursor(document)
        first = document.findBlockByNumber(max(0, document.blockCount() - self._tail))
        self._blank = first.blockNumber() == 0
        cursor.setPosition(max(0, first.position() - 1))  # with the break before it
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        self._tail = 0

    def _append_tail(self, open: Line | None, partials: list[Caption]) -> int:
        """What still grows, and greyed what may still change; return how many blocks."""
        blocks = 0
        if open is not None:
            self._append(open)
            blocks += 1
        speaker = open.cue.speaker if open is not None else ""
        for partial in partials:
            if partial.speaker == speaker:
                text = f" {partial.text}"
            else:
                self._begin_block(_PARTIAL, "   …", partial.speaker)
                text, speaker = partial.text, partial.speaker
                blocks += 1
            self._end_cursor().insertText(text, _format(self._theme.partial))
        return blocks

    def _append(self, line: Line) -> None:
        self._begin_block(line.number, _clock(line.at), line.cue.speaker)
        self._end_cursor().insertText(line.cue.text, _format(self._theme.text))

    def _begin_block(self, state: int, when: str, speaker: str | None) -> None:
        cursor = self._end_cursor()
        if self._blank:
            self._blank = False
        else:
            cursor.insertBlock()
        cursor.block().setUserState(state)
        cursor.insertText(f"{when}  ", _format(self._theme.muted))
        if speaker:
            other = speaker == "other"
            colour = self._theme.muted if other else self.colour_of(speaker)
            cursor.insertText(f"{speaker}  ", _format(colour, bold=True))
        hang(cursor)

    def _end_cursor(self) -> QTextCursor:
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        return cursor

    def _mark_all(self) -> None:
        marks: list[QTextEdit.ExtraSelection] = []
        document = self.document()
        assert document is not None
        cursor = QTextCursor(document)
        while self._wanted and len(marks) < _MARKED:
            cursor = document.find(self._wanted, cursor)
            if cursor.isNull():
                break
            mark = QTextEdit.ExtraSelection()
            mark.cursor = cursor
            mark.format.setBackground(QColor(self._theme.mark))
            mark.format.setForeground(QColor(self._theme.on_mark))
            marks.append(mark)
        self.setExtraSelections(marks)


def _clock(seconds: float) -> str:
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return (f"{hours}:" if hours else "") + f"{rest // 60:02}:{rest % 60:02}"


def _format(colour: str, bold: bool = False) -> QTextCharFormat:
    form = QTextCharFormat()
    form.setForeground(QColor(colour))
    if bold:
        form.setFontWeight(QFont.Weight.DemiBold)
    return form
