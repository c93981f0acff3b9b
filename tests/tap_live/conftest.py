"""Clocks and sound devices for tests: made up, and a real sound server of our own."""

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from tap_live.devices import Device
from tap_live.errors import DeviceError


class HandClock:
    """Time that passes when a test says so; threads that wait for it have run when it returns.

    The test's own thread does not wait, it lets time pass.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._moved = threading.Condition()
        self._waiting: dict[threading.Thread, float] = {}

    def now(self) -> float:
        return self._now

    def wait(self, stop: Event, seconds: float) -> bool:
        if threading.current_thread() is threading.main_thread():
            self.advance(seconds)
            return stop.is_set()
        with self._moved:
            deadline = self._now + seconds
            self._waiting[threading.current_thread()] = deadline
            self._moved.notify_all()
            while self._now < deadline and not stop.is_set():
                self._moved.wait(0.01)  # `stop` is set without a word to us
            del self._waiting[threading.current_thread()]
        return stop.is_set()

    def advance(self, seconds: float) -> None:
        """Let time pass, deadline by deadline."""
        with self._moved:
            end = self._now + seconds
            while self._now < end:
                due = [when for when in self._waiting.values() if when > self._now]
                self._now = min([*due, end])
                awake = [t for t, when in self._waiting.items() if when <= self._now]
                self._moved.notify_all()
                while any(t.is_alive() and self._due(t) for t in awake):
                    self._moved.wait(0.01)

    def _due(self, thread: threading.Thread) -> bool:
        return self._waiting.get(thread, self._now) <= self._now

    def settle(self, threads: int = 1) -> None:
        """Wait until so many threads wait for time to pass."""
        with self._moved:
            while len(self._waiting) < threads:
                self._moved.wait(0.01)


class RushClock:
    """Time that passes at once for whoever waits; one thread only."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        return self._now

    def wait(self, stop: Event, seconds: float) -> bool:
        self._now += seconds
        return stop.is_set()


@dataclass
class FakeStream:
    callback: object
    active: bool = True
    latency: float = 0.01
    closed: bool = False

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeBackend:
    """Devices that a test plugs in, pulls out and calls back for."""

    present: list[Device] = field(default_factory=list)
    opened: list[Device] = field(default_factory=list)
    stream: FakeStream | None = None
    handed_over: set[str] = field(default_factory=set)  # gone, their streams go on elsewhere

    def plug(self, name: str, role: str = "input", **facts: object) -> Device:
        facts = {"kind": "microphone", "channels": 1, "rate": 16_000, "default": False} | facts
        facts = {"description": f"The {name}", "host": "fake"} | facts
        device = Device(index=len(self.present), name=name, role=role, portaudio=0, **facts)
        self.present.append(device)
        return device

    def pull(self, name: str) -> None:
        self.present = [device for device in self.present if device.name != name]

    def devices(self) -> list[Device]:
        return list(self.present)

    def moved(self, device: Device) -> bool:
        return device.name in self.handed_over

    def open_input(self, device, rate, block, heard):
        return self._open(device, heard)

    def open_output(self, device, rate, block, asked):
        return self._open(device, asked)

    def _open(self, device: Device, callback: object) -> FakeStream:
        if device not in self.present:
            raise DeviceError(f"{device.name} is not there")
        self.opened.append(device)
        self.stream = FakeStream(callback)
        return self.stream


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def rush_clock() -> RushClock:
    return RushClock()


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


class SoundServer:
    """A PulseAudio of our own, with null sinks as room and headset."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "native"

    def start(self) -> subprocess.Popen[bytes]:
        options = ["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
        options += ["--realtime=no", "--high-priority=no", "--log-level=error"]
        protocol = f"module-native-protocol-unix auth-anonymous=1 socket={self.socket}"
        server = subprocess.Popen(
            ["pulseaudio", *options, "-L", protocol],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.process = server
        deadline = time.monotonic() + 10
        while subprocess.run(["pactl", "info"], capture_output=True).returncode:
            assert time.monotonic() < deadline, "PulseAudio does not start"
            time.sleep(0.05)
        return server

    def add_sink(self, name: str, rate: int = 48_000) -> None:
        self._pactl("load-module", "module-null-sink", f"sink_name={name}", f"rate={rate}")

    def remove_sink(self, name: str) -> None:
        for line in self._pactl("list", "short", "modules").splitlines():
            if f"sink_name={name} " in line + " ":
                self._pactl("unload-module", line.split()[0])

    def play(self, path: Path, sink: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["paplay", "-d", sink, str(path)])

    def record(self, path: Path, sink: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["parec", "-d", f"{sink}.monitor", "--file-format=wav", "--rate=48000",
             "--channels=1", "--latency-msec=20", str(path)]
        )  # fmt: skip

    def rescue(self) -> None:
        """Hand streams over when their device goes, as desktops do."""
        self._pactl("load-module", "module-rescue-streams")

    def _pactl(self, *words: str) -> str:
        done = subprocess.run(["pactl", *words], capture_output=True, text=True, check=True)
        return done.stdout


@pytest.fixture
def sound_server(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SoundServer]:
    """A running sound server with the sinks `room` (the default) and `headset`."""
    if not all(shutil.which(program) for program in ("pulseaudio", "pactl", "paplay")):
        pytest.skip("PulseAudio is not installed")
    folder = tmp_path_factory.mktemp("pulse")  # short: a socket's path has 108 bytes
    server = SoundServer(folder)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("PULSE_SERVER", f"unix:{server.socket}")
    process = server.start()
    try:
        server.add_sink("room")
        server.add_sink("headset")
        yield server
    finally:
        process.terminate()
        process.wait(10)


def tone(rate: int, seconds: float, hertz: float = 440.0, peak: float = 0.5) -> np.ndarray:
    t = np.arange(round(rate * seconds)) / rate
    return (peak * np.sin(2 * np.pi * hertz * t)).astype(np.float32)
