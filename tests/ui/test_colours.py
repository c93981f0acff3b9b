import itertools

import pytest

from tap_live.ui.colours import (
    AA_LARGE,
    AA_TEXT,
    DARK,
    LIGHT,
    contrast,
    luminance,
    readable,
    speaker_colours,
)
from tap_live.ui.theme import MARKS

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


def test_a_colour_that_can_be_read_stays_as_it_is():
    assert readable("#e69f00", "#000000") == "#e69f00"


@THEMES
def test_the_tick_of_a_box_is_in_the_colour_that_can_be_read_on_it(theme):
    assert f'stroke="{theme.on_accent}"' in (MARKS / f"check-{theme.name}.svg").read_text()
