import numpy as np
import pytest

from tap_live.audio.resample import StreamResampler
from tap_live.extractors.rows import Newest, Rows


@pytest.mark.parametrize("size", [1, 7, 50, 333])
def test_the_newest_samples_are_found_by_their_position(size):
    audio, newest = np.arange(1, 1001, dtype=np.float32), Newest(100)
    for start in range(0, len(audio), size):
        newest.write(audio[start : start + size])
    assert newest.end == 1000
    np.testing.assert_array_equal(newest.read(990, 80), audio[910:990])


def test_before_the_stream_there_is_silence():
    newest = Newest(10)
    newest.write(np.ones(3, np.float32))
    np.testing.assert_array_equal(newest.read(3, 5), [0, 0, 1, 1, 1])


def test_rows_are_resampled_as_each_alone():
    rng = np.random.default_rng(0)
    audio, rows = rng.standard_normal((2, 16_000)).astype(np.float32), Rows(32_000, 48_000)
    rows.arrange([None, None])
    found = np.concatenate(
        [rows.push(audio[:, :9000]), rows.push(audio[:, 9000:]), rows.flush()], 1
    )
    for row, its in zip(found, audio, strict=True):
        alone = StreamResampler(32_000, 48_000)
        np.testing.assert_allclose(row, np.concatenate([alone.push(its), alone.flush()]), atol=1e-5)


def test_a_row_that_goes_takes_nothing_of_the_others_with_it():
    rng = np.random.default_rng(0)
    audio, rows = rng.standard_normal((2, 8000)).astype(np.float32), Rows(32_000, 48_000)
    rows.arrange([None, None])
    first = rows.push(audio)
    rows.arrange([1])
    rest = np.concatenate([rows.push(audio[1:]), rows.flush()], axis=1)
    alone = StreamResampler(32_000, 48_000)
    expected = [alone.push(audio[1]), alone.push(audio[1]), alone.flush()]
    np.testing.assert_allclose(
        np.concatenate([first[1], rest[0]]), np.concatenate(expected), atol=1e-5
    )
