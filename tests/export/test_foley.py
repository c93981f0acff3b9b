"""What is made of oscillators sounds where such things do."""

import numpy as np

from tap_live.export.foley import bird
from tap_live.export.studio import RATE


def test_a_bird_sings_between_2_and_6_khz_with_rests() -> None:
    audio = bird(5 * RATE, np.random.default_rng(0))
    assert len(audio) == 5 * RATE
    power = np.square(np.abs(np.fft.rfft(audio)))
    hertz = np.fft.rfftfreq(len(audio), 1 / RATE)
    assert power[(hertz > 2000) & (hertz < 6000)].sum() > 0.99 * power.sum()
    quiet = np.abs(audio).reshape(-1, RATE // 100).max(axis=1) < 0.01
    assert 0.2 < quiet.mean() < 0.7


def test_the_same_seed_is_the_same_bird() -> None:
    first, again, other = (bird(RATE, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
