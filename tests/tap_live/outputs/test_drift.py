import numpy as np
import pytest

from tap_live.outputs.drift import MOST, FractionalResampler, LevelController

RATE = 48_000


def run(resampler, audio, size=480):
    out = [resampler.push(audio[i : i + size]) for i in range(0, len(audio), size)]
    return np.concatenate([*out, resampler.flush()])


def sine(hertz, samples, rate=RATE):
    return np.sin(2 * np.pi * hertz * np.arange(samples) / rate).astype(np.float32)


@pytest.mark.parametrize("ratio", [1.0, 1 + MOST, 1 - MOST, 1 + 1e-5])
@pytest.mark.parametrize("hertz", [100, 3_000, 12_000])
def test_a_tone_is_the_same_tone_on_the_other_clock(ratio, hertz):
    resampler = FractionalResampler()
    resampler.set_ratio(ratio)
    ours = run(resampler, sine(hertz, 24_000))
    assert len(ours) == pytest.approx(24_000 * ratio, abs=1)
    truth = sine(hertz, len(ours), RATE * ratio)
    error = ours[100:-100] - truth[100:-100]
    assert np.sqrt(np.mean(error**2)) < 1e-3  # 57 dB under the tone
    if hertz <= 3_000:
        assert np.sqrt(np.mean(error**2)) < 1e-4


@pytest.mark.parametrize("size", [1, 7, 480, 10_000])
def test_cutting_does_not_change_the_result(size):
    audio = np.random.default_rng(0).standard_normal(10_000).astype(np.float32)
    results = []
    for cut in (size, 777):
        resampler = FractionalResampler()
        resampler.set_ratio(1.0007)
        results.append(run(resampler, audio, cut))
    np.testing.assert_allclose(results[0], results[1], atol=1e-5)


def test_no_more_than_lookahead_is_withheld():
    resampler = FractionalResampler()
    given = 0
    for taken in range(1, 200):
        given += len(resampler.push(np.zeros(1, np.float32)))
        assert taken - given <= resampler.lookahead


def test_a_changing_ratio_makes_no_click():
    resampler, out = FractionalResampler(), []
    audio = sine(440, RATE)
    for i in range(0, RATE, 480):
        resampler.set_ratio(1 + MOST * np.sin(i / 5_000))
        out.append(resampler.push(audio[i : i + 480]))
    steps = np.abs(np.diff(np.concatenate(out)[200:]))
    assert steps.max() < 1.01 * np.abs(np.diff(audio)).max()


@pytest.mark.parametrize("drift", [-3e-4, 0.0, 2e-4])
def test_the_level_is_reached_and_kept_on_clocks_that_differ(drift):
    """The worker writes hops of 16 ms, the device takes blocks of 10 ms of its own time."""
    target, level, taken_until, ratios, levels = 960, 2000.0, 0.0, [], []
    controller = LevelController(RATE, target)
    for hop in range(round(300 / 0.016)):
        now = hop * 0.016
        level += 768 * controller.ratio
        while taken_until < now:
            level -= 480
            taken_until += 0.01 / (1 + drift)
        controller.see(round(level), 768)
        ratios.append(controller.ratio)
        levels.append(level)
    last = np.array(levels[-round(60 / 0.016) :])
    assert np.mean(last) == pytest.approx(target, abs=RATE * 0.001)
    assert np.mean(ratios[-1000:]) - 1 == pytest.approx(drift, abs=2e-5)
    assert max(abs(ratio - 1) for ratio in ratios) <= 1.001 * MOST
    assert np.abs(np.diff(ratios)).max() < 1e-4  # changes of pitch are out of hearing
