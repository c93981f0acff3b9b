"""Who speaks beside a voice: known from what is left, and from nothing else."""

import numpy as np
import pytest
import soundfile
import soxr

from tap_live.bundle import open_bundle
from tap_live.captions.vad import Vad
from tap_live.commands.demo import BUNDLE
from tap_live.voices.beside import ALIKE, LEAST, VoiceBeside
from tap_live.voices.encoder import SpeakerEncoder
from tap_live.voices.enrolment import Enroller
from tap_live.voices.features import RATE


def clip(name, rate=RATE):
    samples, found = soundfile.read(open_bundle(BUNDLE, "demo").path(name), dtype="float32")
    return soxr.resample(samples, found, rate)


@pytest.fixture(scope="module")
def voices():
    enroller = Enroller.open()
    return {
        name: np.array(
            enroller.enrol(name, clip(f"{name}.ogg"), RATE, source="", day="").voice.embedding,
            np.float32,
        )
        for name in ("maya", "ben")
    }


@pytest.fixture
def besides(voices):
    return VoiceBeside(SpeakerEncoder.open(), Vad.open(), voices["maya"], RATE)


def test_nobody_is_known_of_silence_noise_or_a_faint_rest(besides):
    noise = 0.1 * np.random.default_rng(0).standard_normal(4 * RATE).astype(np.float32)
    assert not besides.hear(np.zeros(4 * RATE, np.float32), 0.0).any()
    assert not besides.hear(noise, 0.9).any()
    assert not besides.hear(clip("ben.ogg")[: 4 * RATE], LEAST / 2).any()


@pytest.mark.parametrize("rate", [RATE, 48_000])
def test_a_stranger_is_known_by_what_is_left(voices, rate):
    besides = VoiceBeside(SpeakerEncoder.open(), Vad.open(), voices["maya"], rate)
    found = besides.hear(clip("ben.ogg", rate)[: 4 * rate], 0.5)
    assert found @ voices["ben"] > 0.85
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-5)


def test_a_rest_that_is_like_the_voice_is_nobody_else(besides, voices):
    rest = clip("maya.ogg")[: 4 * RATE]
    assert not besides.hear(rest, 0.5).any()
    assert ALIKE < 1


def test_who_was_known_stays_so_while_nothing_is_heard(besides, voices):
    known = besides.hear(clip("ben.ogg")[: 4 * RATE], 0.5)
    for _ in range(3):
        again = besides.hear(np.zeros(4 * RATE, np.float32), 0.0)
        np.testing.assert_allclose(again, known, atol=1e-6)
