"""How pages look: nothing is cut off, nothing lies over anything else, in any theme and size."""

import pytest
from PyQt6.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit, QScrollArea, QWidget

from tap_live.events import Doctor, ListBundles, ListVoices, SetTarget, ShowBundle
from tap_live.ui.add_target import AddTarget
from tap_live.ui.colours import DARK, LIGHT
from tap_live.ui.guide import Guide

VOICE = {
    "name": "Maya", "clips": 2, "speech": 21.4, "snr": 36.0, "made": "2026-01-31",
    "stored": "/home/user/.local/share/tap-live/voices/Maya.json", "what": "two averages; no audio",
}  # fmt: skip
BUNDLE = {
    "name": "whisper-base", "kind": "whisper", "licence": "Apache-2.0 (graphs), MIT (tokenizer)",
    "state": "shipped", "bytes": 700_000,
}  # fmt: skip
WEIGHTS = BUNDLE | {"name": "base.en", "kind": "whisper weights", "state": "to be fetched"}
CARD = {
    "name": "whisper-base", "card": "# whisper-base\n\nGraphs.", "made_by": "python -m x",
    "sources": ["OpenAI"],
}  # fmt: skip
FINDINGS = [
    {"what": "processor", "state": "ok", "text": "2 cores", "cure": ""},
    {"what": "sound", "state": "warning", "text": "no input", "cure": "connect a microphone"},
]


@pytest.fixture
def filled(window, engine, say):
    """A window in which there is something to see on every page."""
    engine.answers |= {
        ListVoices: [VOICE],
        ListBundles: [BUNDLE, WEIGHTS],
        ShowBundle: CARD,
        Doctor: FINDINGS,
        SetTarget: {"waiting": {"text:rain on a tin roof": "sound-compact"}},
    }
    for name in ("voice:Maya", "text:rain on a tin roof", "clip:a long-name-of-a-clip.wav"):
        window.link.change(SetTarget(id=window.link.new_id(), target=name))
    engine.hello()
    engine.say(say.level(), say.stats(), say.caption("hello there.", speaker="Maya"))
    window.link.poll()
    return window


def settle(window):
    for _ in range(3):
        QApplication.processEvents()
        window.link.poll()


def cut_off(widget):
    """Controls that have less room than their words need."""
    found = []
    for control in widget.findChildren(QWidget):
        if not control.isVisible() or not isinstance(control, (QAbstractButton, QLabel, QLineEdit)):
            continue
        if isinstance(control, QLabel) and control.wordWrap():
            needed = control.heightForWidth(control.width())
            if control.height() < needed:
                found.append((control.text(), "height", control.height(), needed))
        elif control.width() < control.minimumSizeHint().width():
            hint = control.minimumSizeHint().width()
            found.append((getattr(control, "text", str)(), "width", control.width(), hint))
    for area in widget.findChildren(QScrollArea):
        inside, view = area.widget(), area.viewport()
        if area.isVisible() and inside.minimumSizeHint().width() > view.width():
            found.append((area.accessibleName(), "inside", view.width(), inside.minimumSizeHint()))
    return found


def overlapping(widget):
    """Siblings in a layout that lie over each other."""
    found = []
    for parent in [widget, *widget.findChildren(QWidget)]:
        layout = parent.layout()
        if layout is None or not parent.isVisible():
            continue
        children = [layout.itemAt(n).widget() for n in range(layout.count())]
        shown = [child for child in children if child is not None and child.isVisible()]
        for number, first in enumerate(shown):
            for second in shown[number + 1 :]:
                if first.geometry().intersects(second.geometry()):
                    found.append((first, second))
    return found


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
@pytest.mark.parametrize("size", [(1280, 860), (1000, 720)], ids=lambda size: f"{size[0]}")
@pytest.mark.parametrize("page", [0, 1, 2])
def test_nothing_is_cut_off_and_nothing_overlaps(filled, theme, size, page):
    filled.set_theme(theme)
    filled.resize(*size)
    filled.show_page(page)
    settle(filled)
    assert (filled.width(), filled.height()) == size
    assert cut_off(filled) == []
    assert overlapping(filled) == []


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_dialogs_neither(filled, theme):
    filled.set_theme(theme)
    add = AddTarget(filled.link, filled)
    add.show()
    for page in range(add.tabs.count()):
        add.tabs.setCurrentIndex(page)
        settle(filled)
        assert cut_off(add) == []
        assert overlapping(add) == []
    add.close()
    guide = Guide(filled.link, None, filled)
    guide.show()
    for step in range(guide.steps.count()):
        guide.steps.setCurrentIndex(step)
        guide._show_step()
        settle(filled)
        assert cut_off(guide) == []
        assert overlapping(guide) == []
    guide.close()


@pytest.mark.parametrize("page", [0, 1, 2])
def test_the_banner_and_the_consent_line_have_room(filled, page):
    filled.resize(1000, 720)
    filled.show_page(page)
    filled.listen.transport.record.click()
    filled.banner.say("a long story of what went wrong " * 6, "bad", ("Start again", lambda: None))
    settle(filled)
    assert cut_off(filled) == []
    assert overlapping(filled) == []
