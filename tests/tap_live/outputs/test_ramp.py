import numpy as np
import pytest

from tap_live.outputs.ramp import FADE_S, START_S, Glide, Ramp

RATE = 16_000


def run(ramp, samples, size=160):
    return np.concatenate([ramp.push(np.ones(size, np.float32)) for _ in range(samples // size)])


def test_the_first_start_is_slow_and_steady():
    gains = run(Ramp(RATE), 2 * RATE)
    assert gains[0] < 1e-3
    assert (np.diff(gains) >= 0).all()
    assert np.flatnonzero(gains == 1)[0] == pytest.approx(START_S * RATE, abs=20)


def test_later_it_fades_out_and_in_quickly():
    ramp = Ramp(RATE)
    run(ramp, 2 * RATE)
    ramp.turn(False)
    out = run(ramp, RATE)
    assert (np.diff(out) <= 0).all()
    assert np.flatnonzero(out == 0)[0] == pytest.approx(FADE_S * RATE, abs=2)
    ramp.turn(True)
    back = run(ramp, RATE)
    assert np.flatnonzero(back == 1)[0] == pytest.approx(FADE_S * RATE, abs=2)
    assert np.abs(np.diff(np.concatenate([out, back]))).max() < 0.005


@pytest.mark.parametrize("size", [1, 7, 160])
def test_cutting_does_not_change_the_result(size):
    audio = np.random.default_rng(0).standard_normal(3 * RATE).astype(np.float32)
    whole = Ramp(RATE).push(audio)
    ramp = Ramp(RATE)
    cut = [ramp.push(audio[i : i + size]) for i in range(0, len(audio), size)]
    np.testing.assert_allclose(np.concatenate(cut), whole, atol=1e-6)


def test_after_flush_it_starts_anew():
    ramp = Ramp(RATE)
    first = run(ramp, RATE)
    assert not len(ramp.flush())
    np.testing.assert_array_equal(run(ramp, RATE), first)


def test_a_gain_sent_elsewhere_on_its_way_makes_no_step():
    glide = Glide(RATE, 0.0)
    glide.go(1.0, 0.1)
    first = glide.apply(np.ones(800, np.float32))
    glide.go(0.2, 0.1)
    second = glide.apply(np.ones(3_200, np.float32))
    assert abs(second[0] - first[-1]) < 1e-3
    assert second[-1] == np.float32(0.2)
    assert glide.still
