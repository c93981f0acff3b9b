"""What sounds beside a sound: known from what is left, and from nothing else."""

import numpy as np
import pytest
import soxr

from tap_live.cues.audio import AudioCues
from tap_live.cues.beside import ALIKE, LEAST, SoundBeside
from tap_live.cues.features import RATE


def knocks(seconds=4.0):
    """A decaying tone of 400 Hz, twice a second."""
    at = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.exp(-12 * (at % 0.5)) * np.sin(800 * np.pi * at)).astype(np.float32)


def hiss(seconds=4.0):
    return 0.1 * np.random.default_rng(0).standard_normal(round(seconds * RATE), np.float32)


@pytest.fixture(scope="module")
def cues():
    return AudioCues.open()


@pytest.fixture
def beside(cues):
    return SoundBeside(cues, cues.embed(hiss(), RATE), RATE)


def test_nothing_is_known_of_silence_or_a_faint_rest(beside):
    assert not beside.hear(np.zeros(4 * RATE, np.float32), 0.0).any()
    assert not beside.hear(np.zeros(4 * RATE, np.float32), 1.0).any()
    assert not beside.hear(knocks(), LEAST / 2).any()


def test_it_is_known_by_what_is_left_at_any_rate(cues, beside):
    expected = cues.embed(knocks(), RATE)
    assert expected @ cues.embed(hiss(), RATE) < ALIKE
    found = beside.hear(knocks(), 0.5)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    slower = SoundBeside(cues, cues.embed(hiss(), RATE), 48_000)
    assert slower.hear(soxr.resample(knocks(), RATE, 48_000), 0.5) @ expected > 0.99


def test_a_rest_that_is_like_the_sound_tells_nothing(beside):
    assert not beside.hear(hiss(), 0.9).any()


def test_what_was_known_stays_so_while_nothing_is_left(beside):
    known = beside.hear(knocks(), 0.5)
    for _ in range(3):
        again = beside.hear(np.zeros(4 * RATE, np.float32), 0.0)
        np.testing.assert_allclose(again, known, atol=1e-6)
