import json
import subprocess

import pytest

from tap_live import pulse
from tap_live.errors import DeviceError


@pytest.fixture
def answers(monkeypatch):
    """What pactl says: (exit code, output, errors) by its words."""
    given = {}

    def pactl(*words):
        return subprocess.CompletedProcess(words, *given.get(words, (1, "", "no such entity")))

    monkeypatch.setattr(pulse, "_pactl", pactl)
    monkeypatch.setattr(pulse.shutil, "which", lambda name: f"/usr/bin/{name}")
    return given


SOURCES = [
    {
        "name": "mic",
        "description": "USB Microphone",
        "sample_specification": "s16le 1ch 16000Hz",
        "monitor_source": "",
        "owner_module": 7,
    },
    {
        "name": "out.monitor",
        "description": "Monitor of Speakers",
        "sample_specification": "float32le 2ch 48000Hz",
        "monitor_source": "out",
        "owner_module": "n/a",
    },
]
SINKS = [
    {
        "name": "out",
        "description": "Speakers",
        "sample_specification": "float32le 2ch 48000Hz",
        "monitor_source": "out.monitor",
    }
]


def test_sources_and_sinks_are_told_apart(answers):
    answers["info",] = (0, "", "")
    server = {"default_source_name": "mic", "default_sink_name": "out"}
    answers["--format=json", "info"] = (0, json.dumps(server), "")
    answers["--format=json", "list", "sources"] = (0, json.dumps(SOURCES), "")
    answers["--format=json", "list", "sinks"] = (0, json.dumps(SINKS), "")
    found = {node.name: node for node in pulse.nodes()}
    assert (found["mic"].role, found["mic"].channels, found["mic"].rate) == ("input", 1, 16_000)
    assert (found["mic"].monitor_of, found["mic"].default, found["mic"].module) == (None, True, 7)
    assert (found["out.monitor"].monitor_of, found["out.monitor"].default) == ("out", False)
    assert (found["out"].role, found["out"].monitor_of) == ("output", None)
    assert not pulse.lacks("mic")
    assert pulse.lacks("gone")


def test_no_server_is_no_device_and_no_verdict(answers):
    assert pulse.nodes() == []
    assert not pulse.lacks("mic")


def test_a_refusal_says_what_was_asked(answers):
    with pytest.raises(DeviceError, match="pactl unload-module 5 failed: no such entity"):
        pulse.tell("unload-module", "5")


def test_a_pactl_that_knows_no_json_is_too_old(answers):
    answers["--format=json", "info"] = (0, "Server String: /run/pulse", "")
    with pytest.raises(DeviceError, match=r"wanted pactl 15\.99 or newer"):
        pulse.ask("info")


def test_without_pactl_the_package_is_named(monkeypatch):
    monkeypatch.setattr(pulse.shutil, "which", lambda name: None)
    assert not pulse.running()
    with pytest.raises(DeviceError, match=r"install pulseaudio-utils \(Debian, Fedora\)"):
        pulse.tell("info")


def test_a_server_that_hangs_is_not_waited_for(monkeypatch):
    def hang(command, timeout, **options):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(pulse.subprocess, "run", hang)
    monkeypatch.setattr(pulse.shutil, "which", lambda name: name)
    with pytest.raises(DeviceError, match="the sound server does not answer"):
        pulse.tell("info")
