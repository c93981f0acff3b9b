import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_live.errors import WireError
from tap_live.service.audio_frames import FORMATS, AudioFrame, pack, unpack
from tap_live.streams import STREAMS

SAMPLES = np.array([[0.0, 0.5], [-0.25, 1.0], [-1.0, 0.125]], np.float32)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize(("format", "tolerance"), [("s16", 1 / 32767), ("f32", 0)])
def test_a_frame_is_read_as_it_was_written(stream, format, tolerance):
    frame = AudioFrame(stream, 48_000, 2**40, SAMPLES)
    again = unpack(pack(frame, format))
    assert (again.stream, again.rate, again.position) == (stream, 48_000, 2**40)
    np.testing.assert_allclose(again.samples, SAMPLES, atol=tolerance)


def test_the_header_is_as_documented():
    data = pack(AudioFrame("output", 16_000, 480, SAMPLES[:, :1]))
    assert data[:24] == struct.pack("<4sBBBBIQI", b"TAP1", 1, 1, 0, 1, 16_000, 480, 3)
    assert np.frombuffer(data[24:], "<i2").tolist() == [0, -8192, -32767]


def test_what_is_louder_than_full_scale_is_clipped_and_does_not_wrap():
    loud = AudioFrame("mixture", 16_000, 0, np.array([[3.0], [-3.0]], np.float32))
    assert unpack(pack(loud)).samples.ravel().tolist() == [1.0, -1.0]


@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda rest: b"TAP1\x01" + rest))
def test_what_is_no_frame_is_refused_and_nothing_else_happens(data):
    try:
        frame = unpack(data)
    except WireError:
        return
    assert len(data) == 24 + frame.samples.size * (2 if data[6] == FORMATS.index("s16") else 4)


def test_a_frame_that_was_cut_says_how_long_it_should_be():
    data = pack(AudioFrame("mixture", 16_000, 0, SAMPLES))
    with pytest.raises(WireError, match="wanted an audio frame of 36 bytes, found 35"):
        unpack(data[:-1])
