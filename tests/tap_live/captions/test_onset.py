import numpy as np
import pytest

from tap_live.captions.onset import AUDIBLE, LEAD_S, Onset

RATE = 8_000
LEAD = round(LEAD_S * RATE)


def sound(seconds=1.0, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * RATE)).astype(np.float32)


def begun(audio, size=160):
    onset = Onset(RATE)
    parts = [onset.push(audio[start : start + size]) for start in range(0, len(audio), size)]
    heard = np.concatenate([*parts, onset.flush()])
    return onset.start, heard


def silence(samples):
    return np.zeros(samples, np.float32)


def test_the_same_sound_comes_out_however_long_it_was_silent_before():
    _, expected = begun(sound())
    for before in (1, 333, LEAD, 50_001):
        start, heard = begun(np.concatenate([silence(before), sound()]))
        np.testing.assert_array_equal(heard, expected)
        assert start == begun(sound())[0] + before


def test_what_is_softer_than_audible_is_silence_and_comes_out_as_it_was():
    murmur = np.full(2 * LEAD, AUDIBLE / 2, np.float32)
    start, heard = begun(np.concatenate([murmur, sound()]))
    assert 0 < start < 2 * LEAD
    assert (heard[:1000] == AUDIBLE / 2).all()


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
def test_cutting_does_not_change_what_comes_out(size):
    audio = np.concatenate([silence(5000), sound(0.3)])
    start, heard = begun(audio, size)
    expected_start, expected = begun(audio)
    assert start == expected_start
    np.testing.assert_array_equal(heard, expected)


def test_nothing_comes_of_silence():
    assert len(begun(silence(RATE))[1]) == 0


def test_a_click_at_the_very_end_comes_out():
    start, heard = begun(np.concatenate([silence(6000), np.float32([0.5])]))
    assert heard[-1] == 0.5
    assert start + len(heard) == 6001
