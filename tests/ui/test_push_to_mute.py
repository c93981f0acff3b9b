"""Push to mute, in the panel and in any program."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PyQt6.QtWidgets import QPushButton

from tap_live.ui import global_key
from tap_live.ui.push_to_mute import PushToMute

PROBE = Path(__file__).with_name("global_key_probe.py")


@pytest.fixture
def mute(qtbot):
    button = QPushButton()
    button.setCheckable(True)
    qtbot.addWidget(button)
    return button


@pytest.mark.parametrize("before", [False, True])
def test_what_was_muted_before_stays_muted(mute, before):
    mute.setChecked(before)
    push = PushToMute(mute, mute)
    push.everywhere.pressed.emit()
    assert mute.isChecked()
    push.everywhere.released.emit()
    assert mute.isChecked() == before


@pytest.mark.parametrize(
    "platform, words",
    [("wayland", "Wayland gives keys"), ("cocoa", "not supported"), ("xcb", "")],
)
def test_where_it_cannot_be_the_menu_says_why(open_panel, engine, monkeypatch, platform, words):
    monkeypatch.setattr(global_key.QGuiApplication, "platformName", lambda: platform)
    window = open_panel(engine)
    entry = window.menu.everywhere
    assert entry.text().startswith("Hold Ctrl+Alt+Space in any program to mute")
    assert words in entry.text()
    assert entry.isEnabled() == (platform == "xcb")
    window.close()


def test_a_refusal_is_said_and_the_choice_taken_back(window, monkeypatch):
    monkeypatch.setattr(window.push.everywhere, "turn", lambda on: "another program has it" * on)
    window.menu.everywhere.setChecked(True)
    assert "another program has it" in window.banner.text
    assert not window.menu.everywhere.isChecked()
    assert not window.settings.value("push-everywhere", False, bool)


class Probe:
    """The probe in a process of its own, on a display."""

    def __init__(self, environment):
        self._environment = environment
        self.process = subprocess.Popen(
            [sys.executable, str(PROBE)], env=environment, stdout=subprocess.PIPE, text=True
        )

    def says(self):
        return self.process.stdout.readline().strip()

    def xdotool(self, *words):
        subprocess.run(["xdotool", *words], check=True, env=self._environment, timeout=20)


@pytest.fixture
def probe(display):
    environment = os.environ | {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
    probes = []

    def make():
        probes.append(Probe(environment))
        return probes[-1]

    yield make
    for one in probes:
        one.process.kill()
        one.process.communicate()


@pytest.mark.slow
@pytest.mark.gui
def test_the_key_is_heard_without_the_focus_once_however_long_it_is_held(probe):
    first = probe()
    assert first.says() == "listening"
    for _ in range(2):
        first.xdotool("keydown", "ctrl", "keydown", "alt", "keydown", "space")
        time.sleep(1.5)  # it repeats by now
        first.xdotool("keyup", "space", "keyup", "alt", "keyup", "ctrl")
        assert [first.says(), first.says()] == ["down", "up"]
    first.xdotool("key", "a", "key", "space")  # other keys are none of its business
    second = probe()
    assert second.says() == "another program has Ctrl+Alt+Space"
