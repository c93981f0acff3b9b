import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from tap_live.outputs.limiter import CEILING_DB, Limiter

RATE = 48_000
CEILING = 10 ** (CEILING_DB / 20)


def run(audio, size=480, rate=RATE):
    limiter = Limiter(rate)
    out = [limiter.push(audio[i : i + size]) for i in range(0, len(audio), size)]
    return np.concatenate([*out, limiter.flush()])


@given(
    some.lists(some.tuples(some.integers(0, 300), some.floats(-40, 40)), min_size=1, max_size=20)
)
def test_no_sample_passes_the_ceiling(peaks):
    audio = np.zeros(sum(gap + 1 for gap, _ in peaks), np.float32)
    audio[np.cumsum([gap + 1 for gap, _ in peaks]) - 1] = [level for _, level in peaks]
    out = run(audio)
    assert len(out) == len(audio)
    assert np.abs(out).max() <= CEILING * (1 + 1e-6)


def test_what_is_below_the_ceiling_is_not_touched():
    audio = np.random.default_rng(0).uniform(-0.89, 0.89, 9_999).astype(np.float32)
    np.testing.assert_array_equal(run(audio), audio)


def test_a_loud_tone_stays_a_tone():
    t = np.arange(RATE) / RATE
    out = run((4 * np.sin(2 * np.pi * 1_000 * t)).astype(np.float32))
    steady = out[RATE // 2 : RATE // 2 + 4_800] * np.hanning(4_800)
    power = np.square(np.abs(np.fft.rfft(steady)))
    assert power.argmax() * 10 == 1_000
    tone = power[95:106].sum()
    assert 10 * np.log10((power.sum() - tone) / tone) < -40
    assert np.abs(out[RATE // 2 :]).max() > 0.95 * CEILING


def test_it_lets_go_slowly_after_a_peak():
    audio = np.full(RATE, 0.5, np.float32)
    audio[4_800] = 8.0  # 18 dB over
    out = run(audio)
    gain_db = 20 * np.log10(out / audio)
    assert gain_db[4_800] == pytest.approx(CEILING_DB - 20 * np.log10(8), abs=0.1)
    back = np.flatnonzero(gain_db[4_801:] > -0.1)[0]
    assert back / RATE == pytest.approx(19 / 60, abs=0.02)  # dB over dB per second
    assert np.abs(np.diff(gain_db)).max() < 1  # no click


@pytest.mark.parametrize("size", [1, 7, 480])
def test_cutting_does_not_change_the_result(size):
    audio = np.random.default_rng(1).standard_normal(10_000).astype(np.float32)
    np.testing.assert_allclose(run(audio, size), run(audio, len(audio)), atol=1e-6)


@pytest.mark.parametrize("rate", [8_000, 48_000, 192_000])
def test_it_delays_by_its_lookahead(rate):
    limiter = Limiter(rate)
    assert limiter.lookahead == pytest.approx(0.0015 * rate, abs=1)
    given_back = len(limiter.push(np.zeros(rate, np.float32)))
    assert rate - given_back == limiter.lookahead


def test_after_flush_it_is_as_new():
    audio = 3 * np.random.default_rng(2).standard_normal(3_000).astype(np.float32)
    limiter = Limiter(RATE)
    first = np.concatenate([limiter.push(audio), limiter.flush()])
    second = np.concatenate([limiter.push(audio), limiter.flush()])
    np.testing.assert_array_equal(first, second)
