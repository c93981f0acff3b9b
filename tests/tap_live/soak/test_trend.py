import numpy as np
import pytest

from tap_live.soak.trend import Trend


def test_a_leak_is_a_slope_and_warming_up_is_none():
    at = np.arange(0, 3600, 5.0)
    values = 300 + 12 * at / 3600
    values[at < 600] -= 200  # loading
    trend = Trend.of(list(zip(at, values, strict=True)))
    assert trend.slope == pytest.approx(12, rel=1e-3)
    assert trend.error < 0.1
    assert trend.growth == pytest.approx(6, rel=0.01)  # from the second quarter to the last


def test_noise_has_a_slope_within_its_error():
    at = np.arange(0, 3600, 5.0)
    noise = np.random.default_rng(0).standard_normal(len(at))
    trend = Trend.of(list(zip(at, noise, strict=True)))
    assert abs(trend.slope) < 3 * trend.error


def test_growth_by_chance_is_seldom_more_than_noise_allows_even_of_a_slow_wander():
    at, rng = np.arange(0, 3600, 20.0), np.random.default_rng(0)
    more = 0
    for _ in range(200):
        values = rng.standard_normal(len(at))
        for n in range(1, len(at)):  # what went up stays up for some minutes
            values[n] += 0.9 * values[n - 1]
        trend = Trend.of(list(zip(at, values, strict=True)))
        more += trend.growth > trend.by_chance
    assert more <= 10


def test_a_steady_leak_is_more_than_noise_allows():
    at = np.arange(0, 3600, 20.0)
    values = 300 + 12 * at / 3600 + np.random.default_rng(0).standard_normal(len(at))
    trend = Trend.of(list(zip(at, values, strict=True)))
    assert trend.slope > 2 * trend.error
    assert trend.growth > trend.by_chance


def test_a_few_samples_say_nothing():
    assert Trend.of([(1.0, 2.0)] * 7) is None
