import pytest
from typer.core import TyperGroup
from typer.main import get_command

from tap_live.commands.app import app
from tap_live.commands.settings import settings_of
from tap_live.errors import ConfigError


@pytest.fixture
def group():
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def test_settings_are_those_of_the_options_with_hyphens_or_without(group):
    profile = {"run": {"voice-threshold": 2.0, "record": "meeting"}, "voices": {"list": {}}}
    assert settings_of(profile, group) == {
        "run": {"voice_threshold": 2.0, "record": "meeting"},
        "voices": {"list": {}},
    }


@pytest.mark.parametrize(
    ("profile", "found"),
    [
        ({"rnu": {}}, r"wanted a command, found \[rnu\]; there are bench, demo"),
        (
            {"run": {"recrod": "x"}},
            r"wanted a setting of \[run\], found recrod; there are allow",
        ),
    ],
)
def test_what_nobody_knows_is_refused_with_the_names_there_are(group, profile, found):
    with pytest.raises(ConfigError, match=found):
        settings_of(profile, group)
