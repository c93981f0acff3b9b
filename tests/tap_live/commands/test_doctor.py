import importlib.metadata
import json

from tap_live.errors import DeviceError


def test_everything_that_was_looked_at_has_a_verdict(tap_live, tiny):
    code, out, _ = tap_live("doctor", "--json")
    findings = {finding["what"]: finding for finding in json.loads(out)}
    assert {"tap-live", "processor", "ONNX Runtime", "sound", "cache"} <= findings.keys()
    assert findings["ONNX Runtime"]["state"] == "ok"
    assert all(f["cure"] for f in findings.values() if f["state"] != "ok")
    assert code == any(f["state"] == "failed" for f in findings.values())


def test_two_runtimes_in_one_place_are_noticed(tap_live, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.31.1")
    code, out, _ = tap_live("doctor")
    assert code == 1
    assert "the two overwrite each other" in " ".join(out.split())


def test_alsa_without_a_sound_server_is_told_what_to_install(tap_live, monkeypatch, backend):
    backend.plug("hw:0,0")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("tap_live.commands.doctor.portaudio", lambda: backend)
    out = " ".join(tap_live("doctor")[1].split())
    assert "1 inputs, 0 outputs, no sound server" in out
    assert "libasound2-plugins" in out


def test_missing_sound_is_a_warning_with_its_cure(tap_live, monkeypatch):
    def none():
        raise DeviceError("PortAudio is not installed: apt install libportaudio2")

    monkeypatch.setattr("tap_live.commands.doctor.portaudio", none)
    _, out, _ = tap_live("doctor")
    assert "files and pipes work, devices do not" in out
    assert "apt install libportaudio2" in out


def test_a_tensorrt_that_is_never_found_is_a_finding_with_its_cure(tap_live, monkeypatch):
    monkeypatch.setattr("tap_live.providers.linked_tensorrt", lambda: 10)
    monkeypatch.setattr("tap_live.providers.tensorrt", lambda: ("tensorrt", "11.4.0"))
    _, out, _ = tap_live("doctor", "--json")
    (finding,) = [one for one in json.loads(out) if one["what"] == "TensorRT"]
    assert (finding["state"], finding["cure"]) == ("warning", "pip install 'tensorrt>=10,<11'")
    assert finding["text"].endswith("links TensorRT 10 and tensorrt 11.4.0 is installed")
