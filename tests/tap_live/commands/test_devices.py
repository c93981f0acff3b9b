import json
import subprocess
import sys

import pytest


class Listing:
    """PortAudio with a microphone and a headset."""

    def __init__(self, backend):
        backend.plug("mic", default=True)
        backend.plug("headset", "output", kind="speaker", channels=2, rate=48_000)
        self.devices = backend.devices

    def rates(self, device):
        return (16_000, 48_000) if device.role == "output" else (16_000,)


@pytest.fixture
def listing(backend, monkeypatch):
    found = Listing(backend)
    monkeypatch.setattr("tap_live.commands.devices.portaudio", lambda: found)
    return found


def test_devices_are_listed_with_what_run_takes(tap_live, listing):
    code, out, _ = tap_live("devices")
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert lines[1][:2] == ["0*", "mic"]
    assert lines[2][:2] == ["1", "headset"]
    assert "48000" in lines[2]


def test_a_device_is_one_line_however_long_its_names_are(tap_live, listing, backend):
    name = "alsa_input.usb-A_Maker_of_Microphones_The_Longest_Name-00.analog-stereo" * 2
    backend.plug(name, description="A Maker of Microphones, The Longest Name, Analog Stereo")
    lines = tap_live("devices")[1].splitlines()
    assert len(lines) == 5 and lines[-1].startswith("* is the default")
    assert name in lines[3] and "Analog Stereo" in lines[3]


def test_programs_get_every_field(tap_live, listing):
    code, out, _ = tap_live("devices", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [row["name"] for row in rows] == ["mic", "headset"]
    assert rows[1]["rates"] == [16_000, 48_000]
    assert rows[0]["kind"] == "microphone"


def test_no_device_at_all_is_said(tap_live, listing, backend):
    backend.present.clear()
    assert "there is no sound device" in tap_live("devices")[1]


@pytest.mark.audio
def test_a_sound_servers_devices_are_listed(sound_server):
    # as a program of its own: PortAudio keeps a state for a process
    command = [sys.executable, "-m", "tap_live", "devices", "--json"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    rows = json.loads(done.stdout)
    kinds = {row["name"]: row["kind"] for row in rows}
    assert kinds.get("room") == "speaker", rows
    assert kinds["room.monitor"] == "monitor"
    assert [row["name"] for row in rows if row["default"]] == ["room.monitor", "room"]
    assert len(rows) == 4  # and not once more under ALSA's names for the server
    assert {row["rate"] for row in rows} == {48_000}


@pytest.mark.audio
def test_looking_changes_nothing(tap_live, sound_server):
    sound_server.add_sink("studio", rate=44_100)
    first = tap_live("devices", "--json")[1]
    assert {row["name"]: row["rate"] for row in json.loads(first)}["studio"] == 44_100
    assert tap_live("devices", "--json")[1] == first
