import pytest

from tap_live.commands import demo as demo_command


@pytest.mark.slow
def test_the_demo_leaves_recording_captions_and_report(tap_live, tiny, tmp_path):
    folder = tmp_path / "demo"
    code, out, err = tap_live("demo", "--whisper", tiny, "--out", folder)
    assert code == 0, err
    assert "bus never came" in out
    assert "coffee" in (folder / "captions.vtt").read_text()
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
