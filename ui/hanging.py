"""Lines that wrap go on under their words, not under what stands before them."""

from PyQt6.QtCore import QPointF, QRectF
from PyQt6.QtGui import QTextBlock, QTextCursor, QTextFormat, QTextLayout
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
        layout = block.layout()
        if layout is None or layout.lineCount() < 2 or layout.lineAt(1).x() > layout.lineAt(0).x():
            return rect  # asked many times a frame: no more is done than has to be
        _wrap(block, layout)
        return super().blockBoundingRect(block)


def _wrap(block: QTextBlock, layout: QTextLayout) -> None:
    """Break the lines of a block anew."""
    first, head = layout.lineAt(0), block.blockFormat().intProperty(_HEAD)
    left, width = first.x(), first.width()
    moved = min(float(first.cursorToX(head)[0]) - left, _MOST * width)
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
