import subprocess
import sys

import numpy as np
import pytest
import soxr

from tap_live.audio.resample import StreamResampler
from tap_live.errors import AudioError

RATES = [(48_000, 16_000), (44_100, 16_000), (8_000, 16_000), (16_000, 48_000), (192_000, 16_000)]


def run(resampler, audio, size):
    out = [resampler.push(audio[i : i + size]) for i in range(0, len(audio), size)]
    return np.concatenate([*out, resampler.flush()])


@pytest.mark.parametrize(("rate_in", "rate_out"), RATES)
def test_it_agrees_with_soxr_on_the_whole(rate_in, rate_out):
    audio = np.random.default_rng(0).standard_normal(30_011).astype(np.float32)
    whole = soxr.resample(audio, rate_in, rate_out, quality="HQ")
    ours = run(StreamResampler(rate_in, rate_out), audio, 480)
    assert len(ours) == round(len(audio) * rate_out / rate_in)
    shared = min(len(ours), len(whole))
    np.testing.assert_allclose(ours[:shared], whole[:shared], atol=1e-5)


@pytest.mark.parametrize("size", [1, 7, 320, 4096])
def test_cutting_does_not_change_the_result(size):
    audio = np.random.default_rng(1).standard_normal(9_000).astype(np.float32)
    resampler = StreamResampler(44_100, 16_000)
    whole = run(resampler, audio, len(audio))
    np.testing.assert_allclose(run(resampler, audio, size), whole, atol=1e-5)


@pytest.mark.parametrize(("rate_in", "rate_out"), RATES)
@pytest.mark.parametrize("length", [0, 1, 2, 777])
def test_length_is_exact_even_for_less_than_the_filter(rate_in, rate_out, length):
    audio = np.ones(length, np.float32)
    ours = run(StreamResampler(rate_in, rate_out), audio, 100)
    assert len(ours) == round(length * rate_out / rate_in)


@pytest.mark.parametrize(("rate_in", "rate_out"), RATES)
@pytest.mark.parametrize("size", [1, 480])
def test_no_more_than_lookahead_is_withheld(rate_in, rate_out, size):
    resampler = StreamResampler(rate_in, rate_out)
    block, given = np.zeros(size, np.float32), 0
    for taken in range(size, 20_000, size):
        given += len(resampler.push(block))
        assert taken - given * rate_in / rate_out <= resampler.lookahead


def test_tones_below_the_new_limit_stay_and_those_above_go():
    t = np.arange(48_000) / 48_000
    low = run(StreamResampler(48_000, 16_000), np.sin(2 * np.pi * 3000 * t).astype("f4"), 480)
    high = run(StreamResampler(48_000, 16_000), np.sin(2 * np.pi * 9000 * t).astype("f4"), 480)
    expected = np.sin(2 * np.pi * 3000 * np.arange(16_000) / 16_000)
    np.testing.assert_allclose(low[500:-500], expected[500:-500], atol=1e-3)
    assert np.abs(high[500:-500]).max() < 1e-4


def test_equal_rates_change_nothing():
    block = np.ones(10, np.float32)
    resampler = StreamResampler(16_000, 16_000)
    assert resampler.push(block) is block
    assert (len(resampler.flush()), resampler.lookahead) == (0, 0)


@pytest.mark.parametrize(("flushed", "leaks"), [("kept.flush()", False), ("", True)])
def test_what_was_flushed_leaves_nothing_for_the_end_of_the_program(flushed, leaks):
    """soxr's binding complains of what is alive then: a window may keep a stream that is over."""
    script = f"""
import ctypes, numpy as np
from tap_live.audio.resample import StreamResampler
kept = StreamResampler(48_000, 16_000)
ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))
kept.push(np.zeros(4800, np.float32))
{flushed}
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, "CSoxr" in done.stderr) == (0, leaks)


def test_a_rate_of_zero_is_refused():
    with pytest.raises(AudioError, match="rate of 0 Hz; wanted 8000 to 192000 Hz"):
        StreamResampler(0, 16_000)
