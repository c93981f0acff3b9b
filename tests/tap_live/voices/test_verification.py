"""Speech as a whole: whose it is, however little of it there is."""

import json
import math

import numpy as np
import pytest
import soundfile
import soxr

from tap_live.bundle import open_bundle
from tap_live.captions.vad import WINDOW, Vad
from tap_live.commands.demo import BUNDLE
from tap_live.voices.encoder import SpeakerEncoder
from tap_live.voices.enrolment import Enroller
from tap_live.voices.features import RATE
from tap_live.voices.scoring import Scorer
from tap_live.voices.verification import THRESHOLD, Verifier

NAMES = ("maya", "ben")


def clip(name):
    samples, rate = soundfile.read(open_bundle(BUNDLE, "demo").path(name), dtype="float32")
    return soxr.resample(samples, rate, RATE)


@pytest.fixture(scope="module")
def scorer():
    return Scorer.open()


@pytest.fixture(scope="module")
def verifiers(scorer):
    encoder = SpeakerEncoder.open()
    enroller = Enroller(encoder, scorer, Vad.open())
    voices = {
        name: enroller.enrol(name, clip(f"{name}.ogg"), RATE, source="", day="").voice
        for name in NAMES
    }
    return {
        name: Verifier(encoder, scorer, scorer.print_of(voice.state))
        for name, voice in voices.items()
    }


def speech_of(name):
    """(audio, odds) of what one voice of the demo's conversation says."""
    turns = json.loads(open_bundle(BUNDLE, "demo").path("transcript.json").read_text())
    conversation = clip("conversation.ogg")
    audio = np.concatenate(
        [
            conversation[round(turn["start"] * RATE) : round(turn["end"] * RATE)]
            for turn in turns["turns"]
            if turn["speaker"].lower() == name
        ]
    )
    vad = Vad.open()
    return audio, np.concatenate([vad.push(audio), vad.flush()])


@pytest.mark.parametrize("seconds", [0.5, 1.0, 1.6, 3.0, 20.0])
def test_a_voice_is_told_from_another(verifiers, seconds):
    for name, other in (NAMES, NAMES[::-1]):
        audio, odds = speech_of(name)
        first = round(0.2 * RATE / WINDOW)  # of a turn that begins there
        last = first + round(seconds * RATE / WINDOW)
        piece = audio[first * WINDOW : last * WINDOW], odds[first:last]
        its, others = (verifiers[one].ratio(*piece) for one in (name, other))
        assert its > others + 1
        assert not verifiers[other].knows(*piece)
        if seconds >= 1.6:
            assert verifiers[name].knows(*piece)


def test_the_level_does_not_count(verifiers):
    audio, odds = speech_of("maya")
    loud, faint = (verifiers["maya"].ratio(gain * audio, odds) for gain in (1.0, 0.03))
    assert loud == pytest.approx(faint, abs=0.05)


def test_where_nobody_speaks_nobody_is_known(verifiers):
    audio, odds = speech_of("maya")
    assert verifiers["maya"].ratio(audio, np.zeros_like(odds)) == -math.inf
    assert not verifiers["maya"].knows(audio[:0], odds[:0])
    assert not verifiers["maya"].knows(audio[:1000], odds[:2])


def test_a_stricter_threshold_knows_less(scorer, verifiers):
    audio, odds = speech_of("ben")
    ratio = verifiers["ben"].ratio(audio, odds)
    assert ratio > THRESHOLD
    enrolled = verifiers["ben"]._enrolled
    encoder = SpeakerEncoder.open()
    assert Verifier(encoder, scorer, enrolled, ratio - 0.1).knows(audio, odds)
    assert not Verifier(encoder, scorer, enrolled, ratio + 0.1).knows(audio, odds)
