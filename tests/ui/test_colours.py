import itertools
import re

import pytest
from PyQt6.QtGui import QColor, QPalette
from PyQt6.QtWidgets import QLineEdit, QPlainTextEdit

from tap_live.ui.caption_strip import LEAST, CaptionStrip
from tap_live.ui.caption_view import CaptionView
from tap_live.ui.colours import (
    AA_LARGE,
    AA_TEXT,
    DARK,
    LIGHT,
    contrast,
    luminance,
    readable,
    seen_through,
    speaker_colours,
)
from tap_live.ui.theme import MARKS, apply
from tap_live.ui.transcript import Transcript

THEMES = pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
GROUNDS = ("ground", "panel", "field")


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # W3C's own example
    assert luminance("#ff0000") == pytest.approx(0.2126)


@THEMES
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("text", ["text", "muted", "accent", "good", "watch", "bad", "partial"])
def test_all_text_can_be_read_on_all_grounds(theme, ground, text):
    assert contrast(getattr(theme, text), getattr(theme, ground)) >= AA_TEXT


@THEMES
def test_what_is_chosen_or_found_can_be_read(theme):
    for ground in (theme.accent, theme.bad, theme.watch):  # chosen, recording, muted
        assert contrast(theme.on_accent, ground) >= AA_TEXT
    assert contrast(theme.on_mark, theme.mark) >= AA_TEXT
    assert contrast(theme.accent, theme.ground) >= AA_LARGE  # the frame of what has the focus


@THEMES
def test_speakers_colours_can_be_read_and_differ(theme):
    colours = speaker_colours(theme)
    assert all(contrast(colour, theme.panel) >= AA_TEXT for colour in colours)
    parts = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours]
    for first, second in itertools.combinations(parts[:5], 2):
        assert sum(abs(a - b) for a, b in zip(first, second, strict=True)) > 60


@THEMES
@pytest.mark.parametrize("opacity", [0.0, LEAST, 0.75, 0.85, 1.0])
def test_words_of_the_strip_can_be_read_whatever_lies_behind_it(qtbot, say, theme, opacity):
    transcript = Transcript(lambda: 0.0)
    view = CaptionView(transcript)
    strip = CaptionStrip(transcript, view)
    for widget in (view, strip):
        qtbot.addWidget(widget)
    for id, (speaker, state) in enumerate([("ana", "final"), ("other", "partial")]):
        transcript.take(say.caption("good morning", id, state, speaker, start=2.0 * id))
    strip.show()
    strip.set_theme(theme)
    strip.set_opacity(opacity)
    colours = re.findall(r"color: ?(#\w+)", strip.words.text() + strip.words.styleSheet())
    assert len(colours) == 5
    for behind in ("#000000", "#808080", "#ffffff"):
        ground = over(theme.panel, behind, strip.opacity)
        assert min(contrast(colour, ground) for colour in colours) >= AA_TEXT
    assert seen_through(theme, 1.0) == theme.panel


def over(colour, behind, opacity):
    """What is seen where a colour lies over another."""
    pairs = zip(QColor(colour).getRgb()[:3], QColor(behind).getRgb()[:3], strict=True)
    return QColor(*[round(opacity * a + (1 - opacity) * b) for a, b in pairs]).name()


@THEMES
@pytest.mark.parametrize("kind", [QLineEdit, QPlainTextEdit])
def test_what_is_to_be_typed_can_be_read(qtbot, theme, kind):
    apply(theme)
    line = kind()
    line.setPlaceholderText("Name")
    qtbot.addWidget(line)
    line.show()
    colour = line.palette().color(QPalette.ColorRole.PlaceholderText)
    ground = theme.field if kind is QLineEdit else theme.panel
    assert contrast(over(colour.name(), ground, colour.alphaF()), ground) >= AA_TEXT


def test_a_colour_that_can_be_read_stays_as_it_is():
    assert readable("#e69f00", "#000000") == "#e69f00"


@THEMES
def test_the_tick_of_a_box_is_in_the_colour_that_can_be_read_on_it(theme):
    assert f'stroke="{theme.on_accent}"' in (MARKS / f"check-{theme.name}.svg").read_text()
