import numpy as np
import pytest

from tap_live.outputs.guard import EarGuard

RATE = 16_000


def test_what_cannot_be_played_is_silence_or_limited():
    audio = 5 * np.random.default_rng(0).standard_normal(3 * RATE).astype(np.float32)
    audio[::1000] = np.nan
    audio[500::1000] = np.inf
    guard = EarGuard(RATE, lambda warned: None)
    out = np.concatenate([guard.push(audio), guard.flush()])
    assert len(out) == len(audio)
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= 10 ** (-1 / 20) * (1 + 1e-6)


@pytest.mark.parametrize("size", [7, 77])
def test_cutting_does_not_change_the_result(size):
    audio = np.random.default_rng(1).standard_normal(RATE).astype(np.float32)
    results = []
    for cut in (size, 4_096):
        guard = EarGuard(RATE, lambda warned: None)
        out = [guard.push(audio[start : start + cut]) for start in range(0, RATE, cut)]
        results.append(np.concatenate([*out, guard.flush()]))
    np.testing.assert_allclose(results[0], results[1], atol=1e-5)


def test_quiet_sound_goes_through_untouched_once_it_is_on():
    audio = (0.1 * np.random.default_rng(2).standard_normal(3 * RATE)).astype(np.float32)
    guard = EarGuard(RATE, lambda warned: None)
    out = np.concatenate([guard.push(audio), guard.flush()])
    np.testing.assert_array_equal(out[RATE:], audio[RATE:])
