"""Engines for the panel's tests: one that does as it is told, and real ones of made-up streams."""

import importlib.util
import os
import shutil
import subprocess
from collections import deque
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PyQt6.QtCore import QEvent, QSettings
from PyQt6.QtWidgets import QApplication

from tap_live.events import (
    Caption,
    Failed,
    Hello,
    Level,
    Loudness,
    Ok,
    StageStats,
    Stats,
    Word,
)
from tap_live.parts import Parts
from tap_live.sources.file import FileSource
from tap_live.ui.app import open_window
from tap_live.ui.building import Builder, Built
from tap_live.ui.engine import Phase
from tap_live.ui.profiles import Profiles
from tap_live.waiting import ALONE

_SPEC = importlib.util.spec_from_file_location(
    "sound_fixtures", Path(__file__).parents[1] / "tap_live" / "conftest.py"
)
_sound = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_sound)
sound_server = _sound.sound_server
RATE = 16_000


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """Nothing of a test touches its user's voices, recordings and settings."""
    for name in ("DATA", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))


class ScriptedEngine:
    """Says what a test has it say, and keeps what it is told."""

    where = "a test"

    def __init__(self, remote=False, phase=Phase.STOPPED):
        self.remote, self.phase = remote, phase
        self.sent, self.answers = [], {}
        self.closed = False
        self._events = deque()
        self._seq = 0

    def send(self, command):
        self.sent.append(command)
        answer = self.answers.get(type(command))
        if isinstance(answer, str):
            self._events.append(Failed(code="x", text=answer, id=command.id))
        elif answer is not None or type(command) in self.answers:
            self._events.append(Ok(id=command.id, result=answer))

    def poll(self):
        events = list(self._events)
        self._events.clear()
        return events

    def close(self):
        self.closed = True

    def say(self, *events):
        self._events.extend(events)

    def told(self, kind):
        return [command for command in self.sent if isinstance(command, kind)]

    def hello(self):
        self.phase = Phase.RUNNING
        self.say(
            Hello(version="1", rate=RATE, bundles=(), capabilities=("captions",), role="controller")
        )


def caption(text, id=1, state="final", speaker=None, start=0.0, **more):
    """A caption of one word a token, half a second each."""
    words = tuple(
        Word(f" {word}", start + 0.5 * n, start + 0.5 * (n + 1), 0.9)
        for n, word in enumerate(text.split())
    )
    end = words[-1].end if words else start
    return Caption(
        id=id, revision=0, state=state, start=start, end=end, words=words, speaker=speaker, **more
    )


def level(mixture=-20.0, output=-20.0):
    loud = [Loudness(value, None if value is None else value + 6) for value in (mixture, output)]
    return Level(mixture=loud[0], output=loud[1])


def stats(share=0.2, backlog=0.0, lost=0, at=1.0):
    stages = {"extraction": StageStats(0.02, 0.003, share)}
    return Stats(stages=stages, backlog=backlog, lost=lost, overload=0.0, at=at)


@pytest.fixture
def say():
    """What engines say: `say.caption`, `say.level`, `say.stats`."""

    class Say:
        caption = staticmethod(caption)
        level = staticmethod(level)
        stats = staticmethod(stats)

    return Say


@pytest.fixture
def engine():
    return ScriptedEngine()


@pytest.fixture
def make_engine():
    return ScriptedEngine


@pytest.fixture
def open_panel(qtbot, tmp_path):
    """Open windows that are gone, Qt's part too, before the next test: on this thread."""
    windows = []

    def open(engine, setup=None):
        settings = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
        windows.append(open_window(engine, setup, Profiles(tmp_path / "profiles"), settings))
        return windows[-1]

    yield open
    for window in windows:
        window.close()
        window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def window(open_panel, engine):
    """A panel whose engine is scripted; it polls when a test says so."""
    window = open_panel(engine)
    window.link.stop()
    window.resize(1200, 800)
    window.show()
    return window


class Counter:
    """A captioner that says a number every half second of what it hears."""

    lookahead = 0

    def __init__(self, start, first_id):
        self.heard, self.id = round(start * 16_000), first_id

    def push(self, block):
        said, before = [], self.heard // 8000
        self.heard += len(block)
        for number in range(max(0, before), self.heard // 8000):
            said.append(caption(f"w{number}", id=self.id, start=number / 2))
            self.id += 1
        return said

    def flush(self):
        return []


class FileBuilder(Builder):
    """Makes streams of a file, without models."""

    def __init__(self, path, folder, paced=False):
        super().__init__(folder)
        self.path, self.paced = path, paced
        self.built = []
        self.slow = None  # an event: until then engines are built

    def build(self, setup, waiting=ALONE):
        self.built.append(setup)
        if self.slow:
            waiting.tell("building TensorRT's engine of encoder.onnx")
            waiting.until(self.slow.wait, "building TensorRT's engine of encoder.onnx")
        source = FileSource(self.path, paced=self.paced)
        return Built(Parts(source=source, make_captioner=Counter if setup.captions else None))

    def preview(self, setup):
        return Built(Parts(source=FileSource(self.path, paced=True)))


@pytest.fixture
def make_builder(tmp_path):
    """Make a builder for streams of so many seconds of noise."""

    def make(seconds=4.0, paced=False):
        path = tmp_path / f"noise-{seconds}.wav"
        noise = np.random.default_rng(0).uniform(-0.1, 0.1, round(seconds * RATE))
        soundfile.write(path, noise.astype(np.float32), RATE, "FLOAT")
        return FileBuilder(path, tmp_path / "kept", paced)

    return make


@pytest.fixture
def display():
    """An X server of our own."""
    if not (shutil.which("Xvfb") and shutil.which("xdotool")):
        pytest.skip("Xvfb and xdotool are not installed")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as told:
        number = told.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait(10)
