import io

import msgspec
import pytest
from rich.console import Console

from tap_live.events import (
    Bye,
    Caption,
    Failed,
    Hello,
    Level,
    Loudness,
    StageStats,
    Stats,
    Target,
    Warned,
    Word,
)
from tap_live.terminal import METER_CELLS, View, meter, show


def console(terminal):
    return Console(file=io.StringIO(), force_terminal=terminal, width=100, color_system=None)


def caption(state, text, id=1, speaker=None):
    word = Word(text, 61.0, 62.0, 0.9)
    return Caption(id=id, revision=0, state=state, start=61, end=62, words=(word,), speaker=speaker)


HELLO = Hello(version="1", rate=48_000, bundles=(), capabilities=(), role="controller")
LEVEL = Level(mixture=Loudness(-20, -6), output=Loudness(None, None))
STATS = Stats(stages={"captions": StageStats(1, 0.01, 0.25)}, backlog=0.4, lost=7, overload=0)


def test_elsewhere_than_a_terminal_finals_are_lines_and_partials_are_not_shown():
    page = console(terminal=False)
    events = [caption("partial", " hel"), caption("final", " hello", speaker="ana"), Bye(reason="")]
    show(events, page, "demo")
    assert page.file.getvalue() == "00:01:01  ana: hello\n"


def test_a_terminal_shows_levels_captions_and_health():
    page = console(terminal=True)
    view = View(page, "demo")
    for event in (HELLO, LEVEL, STATS, caption("partial", " so far", id=2)):
        view.take(event)
    page.print(view)
    shown = page.file.getvalue()
    for part in (
        "so far",
        "-20 dB",
        "silent",
        "48 kHz",
        "captions 25 %",
        "backlog 0.4 s",
        "lost 7",
    ):
        assert part in shown


def test_a_final_takes_the_place_of_its_partials():
    page = console(terminal=True)
    view = View(page, "demo")
    view.take(caption("partial", " helo", id=5))
    view.take(caption("final", " hello", id=5))
    page.print(view)
    assert "helo" not in page.file.getvalue()
    assert "hello" in page.file.getvalue()


def test_finals_of_a_few_words_become_lines_of_a_sentence():
    page = console(terminal=False)
    events = [caption("final", text, id=n) for n, text in enumerate([" One", " two.", " Three."])]
    show([*events, Bye(reason="")], page, "demo")
    assert page.file.getvalue() == "00:01:01  One two.\n00:01:01  Three.\n"


def test_a_line_is_printed_when_nothing_more_will_come_to_it():
    page = console(terminal=False)
    view = View(page, "demo")
    view.take(caption("final", " alone"))
    assert page.file.getvalue() == ""
    view.take(msgspec.structs.replace(LEVEL, at=69.0))
    assert page.file.getvalue() == "00:01:01  alone\n"


def test_what_is_no_caption_goes_to_the_notes():
    page, notes = console(terminal=False), console(terminal=False)
    events = [HELLO, Warned(code="x", text="slow"), caption("final", " hello"), Bye(reason="")]
    show(events, page, "demo", notes)
    assert page.file.getvalue() == "00:01:01  hello\n"
    said = notes.file.getvalue().splitlines()
    assert said == ["running: demo · 48 kHz, without captions; Ctrl-C ends it", "warning: slow"]


def test_words_from_outside_cannot_draw_on_the_terminal():
    page = console(terminal=False)
    show([Failed(code="x", text="[red]not markup[/red]")], page, "demo")
    assert "[red]not markup[/red]" in page.file.getvalue()


@pytest.mark.parametrize("level", [None, -200, -60, -30.0, 0, 12])
def test_a_meter_has_one_width(level):
    drawn = meter(level, level).plain
    assert len(drawn) - METER_CELLS == 8


def test_targets_have_meters_and_a_sound_that_comes_is_a_line():
    page = console(terminal=True)
    view = View(page, "demo")
    quiet = Loudness(-40, -30)
    targets = {"voice:ana": quiet, "text:bell": quiet}
    view.take(msgspec.structs.replace(LEVEL, targets=targets, at=65.0))
    for name in targets:
        view.take(Target(name=name, present=True, level=-40.0, at=65.0))
    assert page.file.getvalue() == "00:01:05  text:bell\n"
    page.print(view)
    assert "voice:ana" in page.file.getvalue().split("\n", 1)[1]
    view.take(Target(name="text:bell", present=False, level=None))
