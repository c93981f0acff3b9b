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
    assert not view.newest.isVisible()
    bar.triggerAction(bar.SliderAction.SliderPageStepSub)
    place = bar.value()
    transcript.take(say.caption("one more.", id=99, start=200.0))
    view.draw()
    assert bar.value() == place
    assert view.newest.isVisible()
    view.newest.click()
    transcript.take(say.caption("and another.", id=100, start=300.0))
    view.draw()
    assert bar.value() == bar.maximum() > place
    assert not view.newest.isVisible()


LONG = "a line of words that is so long that a view as narrow as this one has to wrap it."


@pytest.mark.parametrize("follows", [True, False], ids=["at the end", "further up"])
def test_whether_it_follows_survives_sizes_fonts_and_themes(qtbot, view, transcript, say, follows):
    bar = view.verticalScrollBar()
    for number in range(60):
        transcript.take(say.caption(LONG, id=number, start=number * 60.0, speaker="ana"))
    view.draw()
    if not follows:
        qtbot.keyClick(view, Qt.Key.Key_PageUp)
    changes = [
        lambda: view.set_large(True),
        lambda: view.resize(400, 200),
        lambda: view.set_theme(LIGHT),
        lambda: view.set_large(False),
        lambda: view.resize(700, 500),
    ]
    for number, change in enumerate(changes):
        change()
        transcript.take(say.caption(LONG, id=100 + number, start=4000 + 60.0 * number))
        view.draw()
        assert (bar.value() == bar.maximum()) is follows
        assert view.newest.isVisible() is not follows


def test_marking_and_searching_further_up_follow_no_more(view, transcript, say):
    for number in range(60):
        transcript.take(say.caption(f"line {number}.", id=number, start=number * 2.0))
    view.draw()
    assert view.search("line 3.")
    view.draw()
    assert view.newest.isVisible()
    view.follow()
    assert not view.newest.isVisible()


@pytest.mark.parametrize("large", [False, True])
def test_what_wraps_goes_on_under_its_words(view, transcript, say, large):
    view.set_large(large)
    transcript.take(say.caption(LONG + LONG, id=1, speaker="ana"))
    transcript.take(say.caption("next.", id=2, start=60.0))
    view.draw()
    view.grab()
    layout = view.document().firstBlock().layout()
    words = layout.lineAt(0).cursorToX(len("00:00  ana  "))[0]
    assert layout.lineCount() > 1
    for number in range(1, layout.lineCount()):
        line = layout.lineAt(number)
        assert line.x() == pytest.approx(words)
        assert line.x() + line.naturalTextWidth() <= view.viewport().width()
    below = view.cursorRect(QTextCursor(view.document().lastBlock()))
    assert below.top() >= layout.boundingRect().height()  # the next line stands under all


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
