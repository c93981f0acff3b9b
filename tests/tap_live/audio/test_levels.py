import numpy as np
import pytest

from tap_live.audio.levels import decibels, loudness


def test_a_full_scale_sine_has_3_db_less_rms_than_peak():
    found = loudness(np.sin(2 * np.pi * np.arange(1000) / 100).astype(np.float32))
    assert found.peak == pytest.approx(0, abs=1e-6)
    assert found.rms == pytest.approx(-3.0103, abs=1e-4)


@pytest.mark.parametrize("length", [0, 100])
def test_digital_silence_is_minus_infinity(length):
    found = loudness(np.zeros(length, np.float32))
    assert (found.rms, found.peak) == (None, None)


def test_half_is_6_db_less():
    assert decibels(0.5) == pytest.approx(-6.0206, abs=1e-4)
    assert decibels(0.0) is None
