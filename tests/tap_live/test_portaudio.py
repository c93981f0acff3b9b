import builtins
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from tap_live import portaudio as module
from tap_live.errors import DeviceError, RuntimeMissingError
from tap_live.portaudio import PortAudio


class Library:
    """sounddevice, with a laptop's devices."""

    class PortAudioError(Exception):
        pass

    class default:
        device = (0, 1)

    def __init__(self):
        self.rescans = 0
        self.streams = []

    def _terminate(self):
        self.rescans += 1

    def _initialize(self):
        pass

    def query_hostapis(self):
        return ({"name": "Core Audio"},)

    def query_devices(self):
        return [
            device("Microphone", 0, inputs=1),
            device("Speakers", 1, outputs=2),
            device("Interface", 2, inputs=32, outputs=32),
        ]

    def check_input_settings(self, number, samplerate):
        if samplerate > 48_000:
            raise self.PortAudioError("Invalid sample rate")

    def InputStream(self, **options):
        if options["samplerate"] == 8_000:
            raise self.PortAudioError("Error opening InputStream: Invalid sample rate", -9997)
        self.streams.append(Stream(options))
        return self.streams[-1]


class Stream:
    active = True
    latency = 0.01

    def __init__(self, options):
        self.options = options
        self.calls = []

    def start(self):
        self.calls.append("start")

    def abort(self, ignore_errors):
        self.calls.append("abort")

    def close(self, ignore_errors):
        self.calls.append("close")


def device(name, index, inputs=0, outputs=0):
    return {
        "name": name,
        "index": index,
        "hostapi": 0,
        "max_input_channels": inputs,
        "max_output_channels": outputs,
        "default_samplerate": 44_100.0,
    }


@pytest.fixture
def library():
    return Library()


def test_devices_are_listed_once_for_each_direction(library):
    found = PortAudio(library).devices()
    assert [(d.index, d.name, d.role, d.kind, d.default) for d in found] == [
        (0, "Microphone", "input", "microphone", True),
        (1, "Speakers", "output", "speaker", True),
        (2, "Interface", "input", "microphone", False),
        (3, "Interface", "output", "speaker", False),
    ]
    assert found[0].rate == 44_100
    assert found[2].channels == 2  # 32 is what converting devices claim


def test_the_list_is_made_anew_only_while_no_stream_is_open(library):
    backend = PortAudio(library)
    microphone = backend.devices()[0]
    assert library.rescans == 1  # what there was when the library was loaded may be gone
    stream = backend.open_input(microphone, 48_000, 480, lambda *heard: None)
    backend.devices()
    assert library.rescans == 1
    stream.close()
    backend.devices()
    assert library.rescans == 2
    assert library.streams[0].calls == ["start", "abort", "close"]


def test_a_device_is_opened_as_asked(library):
    backend = PortAudio(library)
    stream = backend.open_input(backend.devices()[0], 48_000, 480, lambda *heard: None)
    options = library.streams[0].options
    assert (options["device"], options["channels"], options["samplerate"]) == (0, 1, 48_000)
    assert (options["blocksize"], options["dtype"]) == (480, "float32")
    assert stream.active
    assert stream.latency == 0.01


def test_a_device_that_refuses_is_an_error_of_ours(library):
    backend = PortAudio(library)
    with pytest.raises(
        DeviceError, match="cannot open input 'Microphone' at 8000 Hz: Invalid sample rate"
    ):
        backend.open_input(backend.devices()[0], 8_000, 80, lambda *heard: None)
    backend.devices()
    assert library.rescans == 2  # nothing is open


def test_rates_are_those_that_it_takes(library):
    backend = PortAudio(library)
    assert backend.rates(backend.devices()[0])[-1] == 48_000


def test_the_servers_client_is_told_which_device_only_while_opening(library, monkeypatch):
    seen = {}

    def open_stream(**options):
        seen.update({name: os.environ.get(name) for name in ("PULSE_SOURCE", "PULSE_LATENCY_MSEC")})
        return Stream(options)

    library.InputStream = open_stream
    monkeypatch.setenv("PULSE_SOURCE", "before")
    monkeypatch.delenv("PULSE_LATENCY_MSEC", raising=False)
    backend = PortAudio(library)
    node = replace(backend.devices()[0], pulse="room.monitor")
    backend.open_input(node, 48_000, 480, lambda *heard: None)
    assert seen == {"PULSE_SOURCE": "room.monitor", "PULSE_LATENCY_MSEC": "20"}
    assert os.environ["PULSE_SOURCE"] == "before"
    assert "PULSE_LATENCY_MSEC" not in os.environ


def test_without_portaudio_the_package_is_named(monkeypatch):
    real = builtins.__import__

    def missing(name, *rest):
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(RuntimeMissingError, match=r"libportaudio2 \(Debian.*\(Fedora\).*\(brew\)"):
        module.portaudio.__wrapped__()


def test_nothing_loads_portaudio_before_a_device_is_asked_for():
    code = "import sys, tap_live.live, tap_live.sources.device, tap_live.outputs.device\n"
    code += "import tap_live.commands.app\nassert 'sounddevice' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
