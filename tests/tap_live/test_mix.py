import numpy as np
import pytest

from tap_live.errors import ConfigError
from tap_live.mix import Mixer, factor, mix, parse_gain

rng = np.random.default_rng(0)
MIXTURE = rng.standard_normal(1000).astype(np.float32)
TARGETS = rng.standard_normal((3, 1000)).astype(np.float32)


def test_with_every_gain_at_0_db_the_input_comes_out():
    np.testing.assert_allclose(mix(MIXTURE, TARGETS, [1, 1, 1], 1), MIXTURE, atol=1e-6)


def test_without_targets_the_rest_is_everything():
    none = np.empty((0, 1000), np.float32)
    np.testing.assert_allclose(mix(MIXTURE, none, [], 0.5), 0.5 * MIXTURE)


def test_each_part_has_its_own_gain():
    rest = MIXTURE - TARGETS.sum(axis=0)
    expected = 2 * TARGETS[0] + 0.5 * TARGETS[2] + 0.1 * rest
    np.testing.assert_allclose(mix(MIXTURE, TARGETS, [2, 0, 0.5], 0.1), expected, atol=1e-5)


def test_a_gain_of_minus_infinity_is_silence():
    assert factor(None) == 0
    assert factor(-20) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("text", "gain"), [("-18dB", -18), ("3", 3), (" 0 db", 0), ("-inf", None), ("-infdB", None)]
)
def test_gains_are_read_as_users_write_them(text, gain):
    assert parse_gain(text) == gain


@pytest.mark.parametrize("text", ["loud", "", "dB", "nan", "inf", "99dB", "-200"])
def test_what_is_no_gain_is_refused(text):
    with pytest.raises(ConfigError, match="gain"):
        parse_gain(text)


def mixed(mixer, size, plan=(([1.0, 0.5], 0.2),)):
    parts, plans = [], dict(zip(range(0, 1000, 250), plan, strict=False))
    for start in range(0, 1000, size):
        if start in plans:
            mixer.aim(*plans[start])
        parts.append(mixer.mix(MIXTURE[start : start + size], TARGETS[:2, start : start + size]))
    return np.concatenate(parts)


def test_gains_that_do_not_move_are_those_of_mix():
    expected = mix(MIXTURE, TARGETS[:2], [1.0, 0.5], 0.2)
    np.testing.assert_allclose(mixed(Mixer(8000), 125), expected, atol=1e-6)


def test_moving_gains_are_the_same_however_the_audio_is_cut():
    plan = (([1.0, 0.5], 0.2), ([0.0, 2.0], 0.0), ([1.0, 1.0], 1.0), ([0.0, 0.0], 0.0))
    whole = mixed(Mixer(8000), 250, plan)
    for size in (1, 10, 125):
        np.testing.assert_allclose(mixed(Mixer(8000), size, plan), whole, atol=1e-6)


def test_gains_move_along_a_line_and_arrive():
    mixer, ones = Mixer(8000), np.ones(400, np.float32)
    none = np.empty((0, 400), np.float32)
    mixer.aim([], 0.0)
    assert not mixer.mix(ones, none).any()
    mixer.aim([], 1.0)
    moved = mixer.mix(ones, none)
    np.testing.assert_allclose(moved[:160], np.arange(1, 161) / 160, atol=1e-6)
    np.testing.assert_array_equal(moved[160:], ones[160:])
    assert mixer.settled
