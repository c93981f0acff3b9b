import time

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QTextCursor

from tap_live.ui.caption_view import CaptionView
from tap_live.ui.colours import DARK, LIGHT, speaker_colours
from tap_live.ui.transcript import Transcript


@pytest.fixture
def transcript():
    return Transcript(time.monotonic)


@pytest.fixture
def view(qtbot, transcript):
    view = CaptionView(transcript)
    qtbot.addWidget(view)
    view.resize(600, 300)
    view.show()
    return view


def lines(view):
    return view.toPlainText().split("\n")


def colour_at(view, text):
    cursor = view.document().find(text)
    assert not cursor.isNull()
    return cursor.charFormat().foreground().color().name()


def test_a_partial_is_grey_until_its_final_comes(view, transcript, say):
    transcript.take(say.caption("good mor", id=1, state="partial"))
    view.draw()
    assert colour_at(view, "mor") == DARK.partial
    transcript.take(say.caption("good morning", id=1))
    view.draw()
    assert lines(view) == ["00:00  good morning"]
    assert colour_at(view, "morning") == DARK.text


def test_a_partial_goes_on_in_the_line_of_its_speaker(view, transcript, say):
    transcript.take(say.caption("good", id=1, speaker="ana"))
    transcript.take(say.caption("morning", id=2, state="partial", speaker="ana", start=0.5))
    transcript.take(say.caption("yes", id=3, state="partial", speaker="ben", start=1.0))
    view.draw()
    assert lines(view) == ["00:00  ana  good morning", "   …  ben  yes"]
    transcript.take(say.caption("morning.", id=2, speaker="ana", start=0.5))
    view.draw()
    assert lines(view) == ["00:00  ana  good morning.", "   …  ben  yes"]


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_each_speaker_has_a_colour_of_its_own(view, transcript, say, theme):
    for number, name in enumerate(["ana", "ben", "other"]):
        transcript.take(say.caption("words here.", id=number, speaker=name, start=number * 2.0))
    view.set_theme(theme)
    view.draw()
    assert colour_at(view, "ana") == speaker_colours(theme)[0]
    assert colour_at(view, "ben") == speaker_colours(theme)[1]
    assert colour_at(view, "other") == theme.muted


def test_search_goes_around_and_marks(view, transcript, say):
    for number in range(5):
        transcript.take(say.caption(f"number {number}.", id=number, start=number * 2.0))
    view.draw()
    assert view.search("number 3")
    assert view.textCursor().selectedText() == "number 3"
    assert view.search("number 1")
    assert view.search("number", back=True)
    assert view.textCursor().selectedText() == "number"
    assert len(view.extraSelections()) == 5
    assert not view.search("nothing")


def test_a_click_and_the_enter_key_choose_a_line(qtbot, view, transcript, say):
    transcript.take(say.caption("one.", id=1))
    transcript.take(say.caption("two.", id=2, start=1.0))
    view.draw()
    place = view.cursorRect(QTextCursor(view.document())).center()
    with qtbot.waitSignal(view.chosen) as chosen:
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert chosen.args[0].cue.text == "one."
    view.search("two")
    with qtbot.waitSignal(view.chosen) as chosen:
        qtbot.keyClick(view, Qt.Key.Key_Return)
    assert chosen.args[0].cue.text == "two."


def test_it_follows_the_end_unless_one_reads_further_up(view, transcript, say):
    for number in range(60):
        transcript.take(say.caption("a line of it.", id=number, start=number * 2.0))
    view.draw()
    bar = view.verticalScrollBar()
    assert bar.value() == bar.maximum() > 0
    bar.setValue(3)
    transcript.take(say.caption("one more.", id=99, start=200.0))
    view.draw()
    assert bar.value() == 3


def test_forgetting_clears_the_view(view, transcript, say):
    transcript.take(say.caption("one.", id=1))
    view.draw()
    transcript.clear()
    view.draw()
    assert view.toPlainText() == ""
    transcript.take(say.caption("new.", id=2))
    view.draw()
    assert lines(view) == ["00:00  new."]


def test_large_type_is_larger(view):
    small = view.font().pointSizeF()
    view.set_large(True)
    assert view.font().pointSizeF() > 1.5 * small


def test_more_than_it_holds_drops_the_oldest_blocks(qtbot, say):
    transcript = Transcript(time.monotonic, most=50)
    view = CaptionView(transcript)
    qtbot.addWidget(view)
    view.setMaximumBlockCount(58)
    for number in range(200):
        transcript.take(say.caption(f"line {number}.", id=number, start=number * 2.0))
        view.draw()
    assert view.document().blockCount() <= 58
    assert lines(view)[-1].endswith("line 199.")
