import io
import os
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_live.errors import AudioError, ConfigError, TapError
from tap_live.ring import RingBuffer
from tap_live.sources.source import RingSink
from tap_live.sources.stdin import PcmSource


def heard(source):
    """All that a source gives, and what it tells."""
    told, ring = [], RingBuffer(100_000)
    with source.feed(RingSink(ring, lambda: ring.end), told.append):
        deadline = time.monotonic() + 10
        while not source.ended and time.monotonic() < deadline:
            time.sleep(0.001)
    return ring.read(0, ring.end), [warned.code for warned in told]


def test_16_bit_stereo_is_mixed_down():
    frames = np.array([[100, 300], [-32768, -32768], [32767, 1]], "<i2")
    audio, told = heard(PcmSource(io.BytesIO(frames.tobytes()), 16_000, "s16", channels=2))
    np.testing.assert_allclose(audio, [200 / 32768, -1, 0.5], atol=1e-7)
    assert not told


def test_one_channel_of_floats_is_taken_as_it_is():
    frames = np.random.default_rng(0).uniform(-0.9, 0.9, (9_999, 3)).astype("<f4")
    source = PcmSource(io.BytesIO(frames.tobytes()), 48_000, "f32", channels=3, channel=2)
    np.testing.assert_array_equal(heard(source)[0], frames[:, 1])


def test_samples_that_are_cut_by_the_pipe_are_put_together():
    samples = np.arange(-5000, 5000, dtype="<i2")
    data = samples.tobytes()
    end, write = os.pipe()
    with os.fdopen(end, "rb") as stream:
        source = PcmSource(stream, 16_000)

        def send():
            for start in range(0, len(data), 777):
                os.write(write, data[start : start + 777])
            os.close(write)

        sender = threading.Thread(target=send)
        sender.start()
        audio, told = heard(source)
        sender.join()
    np.testing.assert_array_equal(audio * 32768, samples)
    assert not told


def test_a_stream_that_ends_within_a_sample_is_told():
    audio, told = heard(PcmSource(io.BytesIO(bytes(7)), 16_000))
    assert (len(audio), told) == (3, ["truncated"])


def test_nan_in_floats_becomes_silence():
    samples = np.array([0.5, np.nan, 0.25], "<f4")
    audio, told = heard(PcmSource(io.BytesIO(samples.tobytes()), 16_000, "f32"))
    np.testing.assert_array_equal(audio, np.float32([0.5, 0, 0.25]))
    assert told == ["not-finite"]


def test_nothing_at_all_is_an_error():
    source = PcmSource(io.BytesIO(), 16_000)
    heard(source)
    assert isinstance(source.error, AudioError)
    assert str(source.error) == "wanted s16 samples on standard input, found nothing"


def test_a_silent_pipe_can_be_left():
    end, write = os.pipe()
    with os.fdopen(end, "rb") as stream, os.fdopen(write, "wb"):
        source = PcmSource(stream, 16_000)
        with source.feed(RingSink(RingBuffer(100), lambda: 0), print):
            assert not source.ended
    assert source.ended
    assert source.error is None


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(AudioError, match="standard input has a rate of 0 Hz"):
        PcmSource(io.BytesIO(), 0)
    with pytest.raises(AudioError, match="wanted channel 2 of standard input"):
        PcmSource(io.BytesIO(), 16_000, channel=2)
    with pytest.raises(ConfigError, match="samples are s16 or f32, not 'u8'"):
        PcmSource(io.BytesIO(), 16_000, "u8")
    with pytest.raises(ConfigError, match="wanted 1 to 64 channels, found 0"):
        PcmSource(io.BytesIO(), 16_000, channels=0)


@settings(max_examples=100)
@given(
    data=st.binary(max_size=400),
    rate=st.integers(-1, 400_000),
    format=st.sampled_from(["s16", "f32", "u8"]),
    channels=st.integers(-1, 70),
    channel=st.none() | st.integers(-1, 70),
)
def test_any_bytes_are_finite_samples_or_a_clear_error(data, rate, format, channels, channel):
    try:
        source = PcmSource(io.BytesIO(data), rate, format, channels, channel)
    except TapError:
        return
    audio, _ = heard(source)
    assert np.isfinite(audio).all()
    assert len(audio) == len(data) // (channels * {"s16": 2, "f32": 4}[format])
    assert source.error is None or isinstance(source.error, TapError)
