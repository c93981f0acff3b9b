import json

import numpy as np
import pytest
import soundfile
import typer
from typer.testing import CliRunner

from tap_live.bundle import open_bundle
from tap_live.commands.demo import BUNDLE
from tap_live.commands.enrol import enrol
from tap_live.commands.voices import voices
from tap_live.sources.file import FileSource
from tap_live.voices.store import VoiceStore

RATE = 16_000
app = typer.Typer()
app.command()(enrol)
app.add_typer(voices, name="voices")


@pytest.fixture
def store(monkeypatch, tmp_path):
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / name)
    return VoiceStore()


@pytest.fixture(scope="session")
def demo():
    """The shipped conversation: two voices take turns."""
    return soundfile.read(open_bundle(BUNDLE, "demo").path("conversation.ogg"), dtype="float32")


@pytest.fixture
def clip(demo, tmp_path):
    """About 6 s of the first voice."""
    path = tmp_path / "first.wav"
    samples, rate = demo
    soundfile.write(path, np.tile(samples[: 6 * rate], 2), rate)
    return path


def call(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception and not isinstance(result.exception, SystemExit):
        return 1, result.output, str(result.exception)
    return result.exit_code, result.stdout, result.stderr


def test_a_voice_is_enrolled_and_told_what_is_stored(store, clip):
    code, out, _ = call("enrol", "ana", "--from", clip)
    assert code == 0
    assert "ana is enrolled" in out and "biometric" in out and str(store.folder) in out
    assert store.names() == ["ana"]


def test_a_second_clip_improves_the_voice(store, clip):
    call("enrol", "ana", "--from", clip)
    code, out, _ = call("enrol", "ana", "--from", clip, "--json")
    assert code == 0
    assert json.loads(out)["clips"] == 2


def test_a_clip_of_somebody_else_spoils_no_voice(store):
    assert call("enrol", "maya", "--from", BUNDLE / "maya.ogg")[0] == 0
    before = store.load("maya")
    code, _, err = call("enrol", "maya", "--from", BUNDLE / "ben.ogg")
    assert code == 1 and store.load("maya") == before
    assert "'ben.ogg' does not sound like 'maya'" in err
    assert "likeness -" in err and "wanted over 1" in err and "--anyway" in err
    assert call("enrol", "maya", "--from", BUNDLE / "ben.ogg", "--anyway")[0] == 0
    assert len(store.load("maya").clips) == 2


def test_a_silent_microphone_is_told_as_such_with_what_to_do(store, tmp_path, monkeypatch):
    soundfile.write(tmp_path / "nothing.wav", np.zeros(8 * RATE), RATE)
    tape = FileSource(tmp_path / "nothing.wav")
    monkeypatch.setattr("tap_live.commands.enrol.open_input", lambda name, channel: tape)
    code, _, err = call("enrol", "zoe", "--seconds", "6")
    assert code == 1
    assert "what the microphone gave cannot enrol 'zoe': silence" in err
    assert "`tap-live devices` lists them" in err


def test_a_clip_that_is_no_good_changes_nothing(store, tmp_path):
    soundfile.write(tmp_path / "nothing.wav", np.zeros(8 * RATE), RATE)
    code, _, err = call("enrol", "ana", "--from", tmp_path / "nothing.wav")
    assert code == 1
    assert "'nothing.wav' cannot enrol 'ana': silence" in err
    assert not store.folder.exists()


def test_a_name_is_checked_before_anything_is_recorded(store, tap_live):
    code, _, err = tap_live("enrol", "../ana")
    assert code == 2
    assert "a voice cannot be called '../ana'" in err


def test_a_recording_is_enrolled_like_a_clip(store, clip, monkeypatch):
    tape = FileSource(clip)
    monkeypatch.setattr("tap_live.commands.enrol.open_input", lambda name, channel: tape)
    code, out, _ = call("enrol", "ana", "--seconds", "12")
    assert code == 0
    assert "ana is enrolled" in out
    assert store.load("ana").clips[0].source == "microphone"


def test_voices_are_listed_renamed_exported_and_deleted(store, clip, tmp_path):
    assert "nobody is enrolled" in call("voices", "list")[1]
    call("enrol", "ana", "--from", clip)
    assert call("voices", "rename", "ana", "Anna")[0] == 0
    (row,) = json.loads(call("voices", "list", "--json")[1])
    assert (row["name"], row["clips"], row["broken"]) == ("Anna", 1, None)
    assert "Anna" in call("voices", "list")[1]
    assert call("voices", "export", "Anna", tmp_path / "anna.json")[0] == 0
    assert json.loads((tmp_path / "anna.json").read_text())["name"] == "Anna"
    assert call("voices", "export", "Anna", "-o", tmp_path / "again.json")[0] == 0
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "anna.json").read_bytes()
    assert "wanted one file" in call("voices", "export", "Anna")[2]
    assert call("voices", "delete", "Anna")[0] == 0
    assert store.names() == []


def test_a_broken_voice_is_listed_as_broken_with_what_to_do(store, clip):
    call("enrol", "ana", "--from", clip)
    (store.folder / "ana.json").write_bytes(b"{")
    code, out, err = call("voices", "list")
    assert code == 0
    assert "broken" in out and "voices delete 'ana'" in err
    assert call("voices", "delete", "ana")[0] == 0
