"""Lines that wrap go on under their words, not under what stands before them."""

from PyQt6.QtCore import QPointF, QRectF
from PyQt6.QtGui import QTextBlock, QTextCursor, QTextFormat
from PyQt6.QtWidgets import QPlainTextDocumentLayout

_HEAD = QTextFormat.Property.UserProperty.value  # of a block: characters before its words
_MOST = 0.4  # of the width that is left free at most


def hang(cursor: QTextCursor) -> None:
    """Let the block of a cursor wrap to where the cursor stands."""
    form = cursor.blockFormat()
    form.setProperty(_HEAD, cursor.positionInBlock())
    cursor.setBlockFormat(form)


class HangingLayout(QPlainTextDocumentLayout):
    """Lay out as plain text does, with all lines of a block but its first moved in."""

    def blockBoundingRect(self, block: QTextBlock) -> QRectF:
        rect = super().blockBoundingRect(block)  # this lays out what is not yet
        head = block.blockFormat().intProperty(_HEAD)
        if head and block.layout().lineCount() > 1 and self._wrap(block, head):
            return super().blockBoundingRect(block)
        return rect

    def _wrap(self, block: QTextBlock, head: int) -> bool:
        """Break the lines of a block anew, unless that is done; return whether it was needed."""
        layout = block.layout()
        assert layout is not None
        first = layout.lineAt(0)
        left, width = first.x(), first.width()
        moved = min(float(first.cursorToX(head)[0]) - left, _MOST * width)
        if layout.lineAt(1).x() > left:
            return False
        layout.beginLayout()
        line, top = layout.createLine(), 0.0
        while line.isValid():
            indent = moved if top else 0.0
            line.setLeadingIncluded(True)
            line.setLineWidth(width - indent)
            line.setPosition(QPointF(left + indent, top))
            top += line.height()
            line = layout.createLine()
        layout.endLayout()
        block.setLineCount(layout.lineCount())
        return True
