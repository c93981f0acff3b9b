import os

from tap_live.extractors import network
from tap_live.ui.networks import installed


def test_the_newest_that_was_made_here_is_taken(voice_bundle, tmp_path):
    for number, name in enumerate(("old", "new", "broken", ".being-made")):
        folder = tmp_path / name
        folder.mkdir()
        text = (voice_bundle / "manifest.json").read_text() if name != "broken" else "{"
        (folder / "manifest.json").write_text(text)
        os.utime(folder / "manifest.json", (number, number))
    assert installed("voice", tmp_path) == tmp_path / "new"
    assert installed("sound", tmp_path) == network.installed("sound")
