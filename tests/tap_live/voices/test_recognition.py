import numpy as np
import pytest

from tap_live.audio.files import read_audio
from tap_live.bundle import open_bundle
from tap_live.commands.demo import BUNDLE
from tap_live.errors import VoiceError
from tap_live.voices.enrolment import Enroller
from tap_live.voices.recognition import compare


def clip(name):
    bundle = open_bundle(BUNDLE, "demo")
    return read_audio(bundle.path(f"{name}.ogg"), lambda warning: None)


@pytest.fixture(scope="module")
def maya():
    audio, rate = clip("maya")
    half = len(audio) // 2
    return Enroller.open().enrol("Maya", audio[:half], rate, source="", day="").voice


def test_the_other_half_of_a_clip_is_of_the_same_voice(maya):
    audio, rate = clip("maya")
    found = compare(maya, audio[len(audio) // 2 :], rate)
    assert found.same
    assert found.ratio > found.threshold


def test_somebody_else_is_not_that_voice(maya):
    found = compare(maya, *clip("ben"))
    assert not found.same


def test_silence_says_nothing_about_a_voice(maya):
    with pytest.raises(VoiceError, match="too little to know 'Maya' by"):
        compare(maya, np.zeros(48_000, np.float32), 16_000)
