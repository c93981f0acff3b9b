import shutil

import msgspec
import pytest
import soundfile

from tap_live.bundle import file_spec, read_manifest, write_manifest
from tap_live.commands import demo as demo_command
from tap_live.events import decode_event


def cues(path):
    return [decode_event(line) for line in path.read_bytes().splitlines()]


@pytest.fixture
def short_demo(monkeypatch, tmp_path, voice_bundle):
    """The demo with 3 s of talk and 1 s of overlap; a small network for voices, none for sounds."""
    folder = tmp_path / "bundle"
    shutil.copytree(demo_command.BUNDLE, folder)
    for file, seconds in (("conversation.ogg", 3), ("overlap.ogg", 1)):
        samples, rate = soundfile.read(folder / file, dtype="float32")
        soundfile.write(folder / file, samples[: seconds * rate], rate, format="FLAC")
    manifest = read_manifest(folder)
    files = {name: file_spec(folder / name) for name in manifest.files}
    write_manifest(folder, msgspec.structs.replace(manifest, files=files))
    monkeypatch.setattr(demo_command, "BUNDLE", folder)
    installed = {"voice": voice_bundle, "sound": None}
    monkeypatch.setattr("tap_live.commands.apart.installed", installed.get)


def test_the_demo_takes_two_at_once_apart(tap_live, tiny, short_demo, tmp_path):
    folder = tmp_path / "demo"
    code, out, err = tap_live("demo", "--whisper", tiny, "--out", folder, "--json")
    assert code == 0, err
    assert all(decode_event(line) for line in out.splitlines()), "no other lines than events"
    assert "sound-compact is not installed" in err
    assert {path.name for path in (folder / "apart").iterdir()} == {
        "before.flac", "maya.flac", "ben.flac"
    }  # fmt: skip
    page = (folder / "report.html").read_text()
    assert "Two at once" in page and "sound-compact is not installed" in page
    assert page.count("<audio") == 5, "what was heard, and two before and after"
    assert "./apart/before.flac" in page and "./apart/maya.flac" in page


def test_a_demo_that_was_ended_is_not_taken_apart(
    tap_live, tiny, short_demo, tmp_path, monkeypatch
):
    def ended(live, title, *, json, take):
        with live:
            live.stop()
            for event in live.events:
                take(event)

    monkeypatch.setattr(demo_command, "watch", ended)
    code, _, err = tap_live("demo", "--whisper", tiny, "--out", tmp_path / "demo")
    assert code == 0, err
    assert (tmp_path / "demo" / "report.html").exists()
    assert not (tmp_path / "demo" / "apart").exists()


@pytest.mark.slow
def test_the_demo_leaves_recording_captions_and_report(tap_live, tiny, tmp_path):
    folder = tmp_path / "demo"
    code, out, err = tap_live("demo", "--whisper", tiny, "--out", folder)
    assert code == 0, err
    assert "bus never came" in out
    assert "coffee" in (folder / "captions.vtt").read_text()
    assert "<v Maya>" in (folder / "captions.vtt").read_text()
    assert "<v Ben>" in (folder / "captions.vtt").read_text()
    assert "other" not in {cue.speaker for cue in cues(folder / "captions.jsonl")}
    names = {path.name for path in folder.iterdir()}
    assert {"mixture.wav", "output.wav", "report.html", "apart"} <= names
    assert {"maya.flac", "ben.flac"} <= {path.name for path in (folder / "apart").iterdir()}
    page = (folder / "report.html").read_text()
    assert "bus never came" in page
    assert "http://" not in page.replace("http://www.w3.org/", "")


def test_an_earlier_demo_is_kept(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert demo_command._new_folder().name == "tap-live-demo"
    (tmp_path / "tap-live-demo").mkdir()
    assert demo_command._new_folder().name == "tap-live-demo-2"
