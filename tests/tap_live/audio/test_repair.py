import numpy as np
import pytest

from tap_live.audio.repair import Repair


@pytest.mark.parametrize("size", [64, 1000])
def test_what_is_told_names_the_first_moment_in_the_stream(size):
    audio = np.zeros(1000, np.float32)
    audio[700] = np.nan
    audio[128:140] = 1.0
    told = []
    repair = Repair("it", 100, told.append)
    out = np.concatenate([repair.push(audio[i : i + size]) for i in range(0, 1000, size)])
    assert out[700] == 0
    assert {warned.code: warned.start for warned in told} == {"clipped": 1.28, "not-finite": 7.0}
    assert (repair.clipped, repair.not_finite) == (12, 1)


def test_good_samples_are_not_copied():
    audio = np.linspace(-0.9, 0.9, 50, dtype=np.float32)
    assert Repair("it", 100, print).push(audio) is audio


def test_a_full_scale_square_wave_is_clipped_on_both_sides():
    audio = np.tile(np.repeat(np.float32([1, -1]), 10), 5)
    repair = Repair("it", 100, lambda warned: None)
    repair.push(audio)
    assert repair.clipped == 100
