import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_live.errors import ConfigError, NotPossibleError, TapError
from tap_live.events import SetTarget
from tap_live.service.mixing import LiveMix
from tap_live.targets import MOST, Asked, EmbeddedCue


class Stream:
    def set_targets(self, wanted, rest_gain):
        self.gains = {one.cue.name: one.gain for one in wanted}
        self.rest_gain = rest_gain


class Embedding:
    """Finds numbers for anything, and keeps what files it was asked for."""

    def __init__(self):
        self.files = set()

    def __call__(self, asked):
        self.files |= {one.value for one in asked if one.scheme == "clip"}
        return [EmbeddedCue(one.name, one.kind, np.ones(2), np.zeros(2)) for one in asked]


@pytest.fixture
def stream():
    return Stream()


@pytest.fixture
def embed():
    return Embedding()


@pytest.fixture
def mix(stream, embed, tmp_path):
    return LiveMix(
        stream,
        [Asked("voice", "ana"), Asked("clip", "/home/user/bell.wav")],
        ["voice", "sound"],
        rest_gain=0.0,
        clips=tmp_path,
        embed=embed,
    )


def target(text, **more):
    return SetTarget(id=1, target=text, **more)


def test_targets_come_change_and_go_and_all_others_stay(mix, stream):
    mix.set_target(target("text:rain", gain=-20.0))
    assert stream.gains == {"voice:ana": 1, "clip:/home/user/bell.wav": 1, "text:rain": 0.1}
    mix.set_target(target("voice:ana@-inf"))
    mix.set_target(target("text:rain", suppress=True))
    assert stream.gains == {"voice:ana": 0, "clip:/home/user/bell.wav": 1, "text:rain": 0}
    mix.remove("clip:/home/user/bell.wav")
    assert list(stream.gains) == ["voice:ana", "text:rain"]
    assert mix.state() == {
        "targets": [
            {"name": "voice:ana", "gain": None, "suppress": False},
            {"name": "text:rain", "gain": None, "suppress": True},
        ],
        "rest": None,
    }


def test_the_rest_is_set_in_decibels(mix, stream):
    mix.set_rest(-20.0)
    assert stream.rest_gain == pytest.approx(0.1)
    assert mix.state()["rest"] == -20.0
    mix.set_rest(None)
    assert (stream.rest_gain, mix.state()["rest"]) == (0.0, None)


@pytest.mark.parametrize("gain", [24.1, -121.0, 1e300])
def test_what_is_no_gain_changes_nothing(mix, stream, gain):
    with pytest.raises(ConfigError, match="between -120 and 24 dB"):
        mix.set_rest(gain)
    with pytest.raises(ConfigError, match="between -120 and 24 dB"):
        mix.set_target(target("text:rain", gain=gain))
    assert not hasattr(stream, "gains")


def test_a_clip_of_a_message_lies_in_its_folder_and_keeps_its_name(mix, stream, embed, tmp_path):
    mix.set_target(target("clip:dog.wav"))
    assert "clip:dog.wav" in stream.gains
    assert embed.files == {str(tmp_path / "dog.wav"), "/home/user/bell.wav"}
    with pytest.raises(ConfigError, match="wanted the name of a file"):
        mix.set_target(target("clip:../secret.wav"))


def test_a_kind_without_a_network_is_not_possible(stream, embed):
    mix = LiveMix(stream, kinds=["voice"], embed=embed)
    with pytest.raises(NotPossibleError, match="no extractor for a sound"):
        mix.set_target(target("text:rain"))
    with pytest.raises(NotPossibleError, match="no target 'text:rain', only none"):
        mix.remove("text:rain")


def test_targets_are_not_too_many(mix):
    with pytest.raises(ConfigError, match="at most"):
        for n in range(MOST):
            mix.set_target(target(f"text:{n}"))


@given(st.text(), st.none() | st.floats(allow_nan=False), st.booleans())
def test_no_words_of_a_message_reach_a_file_elsewhere(text, gain, suppress):
    embed = Embedding()
    mix = LiveMix(Stream(), kinds=["voice", "sound"], embed=embed)
    for asked in (text, f"clip:{text}", f"voice:{text}", f"text:{text}"):
        try:
            mix.set_target(target(asked, gain=gain, suppress=suppress))
        except TapError:
            continue
    folder = str(mix._clips)
    assert all(
        file.startswith(folder) and "/" not in file[len(folder) + 1 :] for file in embed.files
    )
