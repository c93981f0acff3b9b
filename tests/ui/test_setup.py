import itertools

import pytest

from tap_live.events import (
    GetState,
    Mute,
    RemoveTarget,
    SetCaptions,
    SetDevice,
    SetExtractor,
    SetMix,
    SetTarget,
)
from tap_live.ui.setup import Setup, TargetWish, applied, commands_for

FULL = Setup(
    input="USB",
    output="headset",
    extractor="none",
    captions=False,
    whisper="tiny.en",
    language="en",
    others="hide",
    rest=None,
    muted=True,
    targets=(TargetWish(name="voice:ana", gain=-3.0), TargetWish(name="text:rain", suppress=True)),
)


def ids():
    return (f"id{n}" for n in itertools.count())


def test_the_commands_for_a_setup_bring_a_new_engine_to_it():
    setup = Setup()
    for command in commands_for(FULL, ids()):
        setup = applied(setup, command)
    assert setup == FULL


def test_targets_that_are_off_are_not_asked_for():
    setup = Setup(targets=(TargetWish(name="voice:ana", on=False),))
    assert not [c for c in commands_for(setup, ids()) if isinstance(c, SetTarget)]


@pytest.mark.parametrize(
    "command, field, value",
    [
        (SetDevice(id=1, role="input", name="mic"), "input", "mic"),
        (SetDevice(id=1, role="output", name=None), "output", "headset"),
        (SetExtractor(id=1, extractor="none"), "extractor", "none"),
        (SetExtractor(id=1, extractor="gentse"), "extractor", "compact"),
        (SetMix(id=1, rest=None), "rest", None),
        (Mute(id=1, on=True), "muted", True),
        (SetCaptions(id=1, on=True, whisper="base.en"), "whisper", "base.en"),
        (SetCaptions(id=1, on=True, language=""), "language", None),
    ],
)
def test_a_command_changes_its_part(command, field, value):
    assert getattr(applied(Setup(), command), field) == value


def test_a_target_is_changed_where_it_stands_and_removed_by_name():
    setup = applied(FULL, SetTarget(id=1, target="voice:ana", gain=6.0))
    assert [one.name for one in setup.targets] == ["voice:ana", "text:rain"]
    assert setup.target("voice:ana").gain == 6.0
    assert applied(setup, RemoveTarget(id=1, target="voice:ana")).target("voice:ana") is None


def test_other_commands_change_nothing():
    assert applied(FULL, GetState(id=1)) is FULL
