import os

import pytest

from tap_live.extractors.network import BUNDLES, installed, made_here


@pytest.fixture
def made(voice_bundle, tmp_path):
    """Bundles of voices from old to new, and two that cannot be taken."""
    for number, name in enumerate(("old", "new", "broken", ".being-made")):
        folder = tmp_path / name
        folder.mkdir()
        text = (voice_bundle / "manifest.json").read_text() if name != "broken" else "{"
        (folder / "manifest.json").write_text(text)
        os.utime(folder / "manifest.json", (number, number))
    return tmp_path


def test_the_newest_that_was_made_here_is_taken(made):
    assert installed("voice", made) == made / "new"


def test_what_ships_is_taken_where_none_was_made_for_that_kind(made, tmp_path):
    assert installed("voice", tmp_path / "nowhere") == BUNDLES / "voice-compact"
    (tmp_path / "shipped" / "sound-compact").mkdir(parents=True)
    assert installed("sound", made, tmp_path / "shipped") is None
    (tmp_path / "shipped" / "sound-compact" / "manifest.json").touch()
    assert installed("sound", made, tmp_path / "shipped") == tmp_path / "shipped" / "sound-compact"


def test_made_here_is_below_the_users_data_folder(monkeypatch, tmp_path):
    monkeypatch.setattr("platformdirs.user_data_path", lambda name: tmp_path / name)
    assert made_here() == tmp_path / "tap-live" / "bundles"
