import numpy as np
import pytest

from tap_live.outputs.line import MOST_S, REVIEW_S, Line

RATE, BLOCK, HOP = 48_000, 480, 768


def play(line, blocks=1):
    frames = np.full((blocks * BLOCK, 2), np.nan, np.float32)
    for start in range(0, len(frames), BLOCK):
        line.play(frames[start : start + BLOCK])
    return frames[:, 0]


def live(line, seconds, late_s=0.0, seed=0):
    """Hops of 16 ms that come up to `late_s` late, blocks of 10 ms; what is played."""
    rng = np.random.default_rng(seed)
    events = [
        (0.016 * (n + 1) + rng.uniform(0, late_s), "hop") for n in range(int(seconds / 0.016))
    ]
    events += [(0.01 * (n + 1), "block") for n in range(int(seconds / 0.01))]
    played = []
    for _, what in sorted(events):
        if what == "hop":
            line.write(np.full(HOP, 0.5, np.float32))
        else:
            played.append(play(line))
    return np.concatenate(played)


def test_it_waits_until_its_level_is_reached():
    line = Line(RATE, RATE, 0.02)
    line.write(np.ones(HOP, np.float32))
    assert not play(line).any()
    line.write(np.ones(HOP, np.float32))
    assert play(line).any()


def test_it_begins_and_ends_without_a_click():
    line = Line(RATE, RATE, 0.02)
    line.write(np.ones(1_510, np.float32))
    played = play(line, 6)
    assert np.abs(np.diff(played)).max() < 0.01
    assert (played[1_000], played[-1]) == (1, 0)
    assert line.dry == 1


def test_hops_and_blocks_that_come_in_time_never_run_dry():
    line = Line(RATE, RATE, 0.02)
    played = live(line, 20)
    assert (line.dry, line.skipped) == (0, 0)
    np.testing.assert_allclose(played[RATE:], 0.5, atol=1e-5)


@pytest.mark.slow
def test_a_late_worker_gets_a_higher_level_until_it_is_in_time_again():
    line = Line(RATE, RATE, 0.02)
    live(line, 30, late_s=0.04)
    learned = line.dry
    assert 1 <= learned < 12
    live(line, 20, late_s=0.04, seed=1)
    assert line.dry - learned <= 1
    assert line.waiting < MOST_S * RATE + HOP
    live(line, 4 * REVIEW_S)
    assert line.waiting < 0.04 * RATE


def test_what_is_far_too_much_is_left_out_and_counted():
    line = Line(RATE, RATE, 0.02)
    live(line, 1)
    before = line.waiting
    line.write(np.zeros(RATE, np.float32))
    play(line)
    assert line.skipped == pytest.approx(RATE + before - 0.02 * RATE, abs=40)
    assert line.waiting == 0.02 * RATE - BLOCK


def test_a_device_at_another_rate_hears_the_same_tone():
    line = Line(16_000, RATE, 0.02)
    tone = 0.5 * np.sin(2 * np.pi * 500 * np.arange(16_000 * 2) / 16_000).astype(np.float32)
    played = []
    for start in range(0, len(tone), 160):
        line.write(tone[start : start + 160])
        played.append(play(line))
    steady = np.concatenate(played)[-RATE:]
    spectrum = np.abs(np.fft.rfft(steady * np.hanning(RATE)))
    assert spectrum.argmax() == 500
    assert line.dry == 0
