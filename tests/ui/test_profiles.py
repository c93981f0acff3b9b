import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_live.errors import ConfigError
from tap_live.ui.profiles import Profiles, as_toml
from tap_live.ui.setup import Setup, TargetWish

SETUP = Setup(
    input='Bob\'s "USB" mic',
    rest=None,
    targets=(TargetWish(name="voice:Ana B", gain=None), TargetWish(name="text:rain", on=False)),
)


@pytest.fixture
def profiles(tmp_path):
    return Profiles(tmp_path / "panel")


def test_a_setup_comes_back_as_it_was(profiles):
    profiles.save(SETUP)
    assert profiles.load() == SETUP


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_name_of_a_device_survives(name):
    assert tomllib.loads(as_toml(Setup(input=name)))["input"] == name


def test_profiles_have_names(profiles):
    profiles.save(SETUP, "Meeting room")
    profiles.save(Setup())
    assert profiles.names() == ["Meeting room"]
    profiles.delete("Meeting room")
    assert profiles.names() == []
    assert profiles.load("Meeting room") is None


@pytest.mark.parametrize("name", ["../x", "", ".hidden", "a/b", "x" * 60])
def test_no_name_leads_elsewhere(profiles, name):
    with pytest.raises(ConfigError, match="cannot be called"):
        profiles.save(SETUP, name)


@pytest.mark.parametrize("text", ["input = 3", "nonsense", 'colour = "blue"', "rest = 'loud'"])
def test_a_profile_that_cannot_be_read_is_said(profiles, text):
    profiles.folder.mkdir()
    (profiles.folder / "last.toml").write_text(text)
    with pytest.raises(ConfigError, match="cannot read profile"):
        profiles.load()
