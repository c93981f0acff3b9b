"""Everything by keyboard: Tab reaches each control of each page and dialog, and each has a name."""

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QScrollBar,
    QTabBar,
    QTextBrowser,
)

from tap_live.events import Doctor, ListBundles, ListVoices, SetTarget, ShowBundle
from tap_live.ui.add_target import AddTarget
from tap_live.ui.guide import Guide
from tap_live.ui.level_meter import LevelMeter

CONTROLS = (
    QAbstractButton, QAbstractItemView, QAbstractSlider, QComboBox, QLineEdit, QPlainTextEdit,
    QTabBar, QTextBrowser,
)  # fmt: skip
MOST = 80  # presses


@pytest.fixture
def filled(window, engine, say):
    voice = {"name": "Maya", "clips": 1, "speech": 9.0, "snr": 30.0, "made": "2026-01-31"}
    bundle = {"name": "vad", "kind": "vad", "licence": "MIT", "state": "shipped", "bytes": 1}
    card = {"name": "vad", "card": "# vad [link](http://x)", "made_by": "x", "sources": []}
    engine.answers |= {
        ListVoices: [voice], ListBundles: [bundle], ShowBundle: card, Doctor: [],
        SetTarget: {"waiting": {}},
    }  # fmt: skip
    window.link.change(SetTarget(id=window.link.new_id(), target="voice:Maya"))
    engine.hello()
    engine.say(say.caption("one.", speaker="Maya"), say.level(), say.stats())
    window.link.poll()
    window.banner.say("something is wrong", "bad", ("Start again", lambda: None))
    return window


def settle(window):
    for _ in range(3):
        QApplication.processEvents()
        window.link.poll()


def controls(top):
    """What somebody can do something with, now; a radio button stands for its group."""
    found = [
        control
        for kind in CONTROLS
        for control in top.findChildren(kind)
        if control.isVisible()
        and control.isEnabled()
        and control.window() is top
        and control.focusPolicy() & Qt.FocusPolicy.TabFocus
        and not isinstance(control, QScrollBar)
    ]
    chosen = [c for c in found if not (isinstance(c, QAbstractButton) and _is_other_radio(c))]
    return list(dict.fromkeys(chosen))


def _is_other_radio(button):
    group = button.group()
    return group is not None and group.exclusive() and not button.isChecked()


def reached(qtbot, top):
    top.activateWindow()
    (top.focusWidget() or top).setFocus()
    seen = []
    for _ in range(MOST):
        qtbot.keyClick(top.focusWidget() or top, Qt.Key.Key_Tab)
        seen.append(top.focusWidget())
    return seen


def nameless(top):
    kinds = (*CONTROLS, QProgressBar, LevelMeter)
    return [
        control
        for kind in kinds
        for control in top.findChildren(kind)
        if control.isVisible()
        and not control.accessibleName()
        and not (isinstance(control, QAbstractButton) and control.text())
        and not control.objectName().startswith("qt_")
        and not isinstance(control, (QScrollBar, QTabBar))
        and not isinstance(control.parent(), (QAbstractItemView, QLineEdit))
    ]


@pytest.mark.parametrize("page", [0, 1, 2])
def test_tab_reaches_every_control_of_every_page(qtbot, filled, page):
    filled.show_page(page)
    settle(filled)
    missed = [(type(c).__name__, c.accessibleName()) for c in set(controls(filled))
              - set(reached(qtbot, filled))]  # fmt: skip
    assert missed == []
    assert nameless(filled) == []


def test_tab_reaches_every_control_of_the_dialogs(qtbot, filled):
    add, guide = AddTarget(filled.link, filled), Guide(filled.link, None, filled)
    for dialog, pages in ((add, add.tabs), (guide, guide.steps)):
        dialog.show()
        for number in range(pages.count()):
            pages.setCurrentIndex(number)
            settle(filled)
            missed = set(controls(dialog)) - set(reached(qtbot, dialog))
            assert [(type(c).__name__, c.accessibleName()) for c in missed] == []
            assert nameless(dialog) == []
        dialog.close()
