import os
import socket
import subprocess
import sys

import pytest

from tap_live.errors import RuntimeMissingError
from tap_live.ui import display as display_module
from tap_live.ui.display import require_display

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a screen")


@LINUX
@pytest.mark.parametrize(
    "environment, found",
    [
        ({}, "found neither DISPLAY nor WAYLAND_DISPLAY set; start it on a desktop"),
        ({"DISPLAY": ":7777"}, "found that DISPLAY=:7777 does not let it in"),
        ({"WAYLAND_DISPLAY": "/nowhere"}, "WAYLAND_DISPLAY=/nowhere does not answer"),
        ({"QT_QPA_PLATFORM": "paper"}, "Qt has no platform 'paper'"),
    ],
)
def test_without_a_display_it_is_said_what_is_missing(environment, found):
    with pytest.raises(RuntimeMissingError, match="wanted a display for the panel") as raised:
        require_display(environment)
    assert found in str(raised.value)


@LINUX
def test_a_library_that_the_platform_wants_is_named(monkeypatch):
    def load(name):
        raise OSError("libxcb-cursor.so.0: cannot open shared object file")

    monkeypatch.setattr(display_module.ctypes, "CDLL", load)
    with pytest.raises(RuntimeMissingError, match=r"libxcb-cursor\.so\.0.*docs/panel\.md"):
        require_display({"DISPLAY": ":0"})


def test_a_platform_that_needs_no_screen_is_enough():
    require_display({"QT_QPA_PLATFORM": "offscreen:enable_fonts"})
    require_display({"QT_QPA_PLATFORM": "paper;offscreen"})  # as Qt tries one after the other


@LINUX
def test_a_wayland_server_that_answers_is_enough(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("wayland-5")
        server.listen()
        require_display({"WAYLAND_DISPLAY": "wayland-5", "XDG_RUNTIME_DIR": "."})


def test_an_x_server_that_answers_is_enough(display):
    require_display({"DISPLAY": display})


@LINUX
@pytest.mark.parametrize("more", [[], ["--connect", "127.0.0.1:9"]], ids=["here", "elsewhere"])
def test_the_command_says_it_in_one_line(tmp_path, more):
    gone = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    environment = {name: value for name, value in os.environ.items() if name not in gone}
    program = [sys.executable, "-m", "tap_live", "panel", *more]
    ended = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "wanted a display for the panel" in ended.stderr
