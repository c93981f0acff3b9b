import pytest

from tap_live.commands import demo as demo_command
from tap_live.events import decode_event


def cues(path):
    return [decode_event(line) for line in path.read_bytes().splitlines()]


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
    assert {"mixture.wav", "output.wav", "report.html"} <= names
    page = (folder / "report.html").read_text()
    assert "bus never came" in page
    assert "http://" not in page.replace("http://www.w3.org/", "")


def test_an_earlier_demo_is_kept(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert demo_command._new_folder().name == "tap-live-demo"
    (tmp_path / "tap-live-demo").mkdir()
    assert demo_command._new_folder().name == "tap-live-demo-2"
