from pathlib import Path

import numpy as np
import pytest

from tap_live.voices.features import HOP, MelStream, mel_frames

GOLDEN = np.load(Path(__file__).parent / "resemblyzer.npz")


def test_frames_are_those_of_librosa(voice):
    frames = mel_frames(voice(5.3, pitch=110.0, level=0.06, seed=1))
    assert frames.shape == (1 + int(5.3 * 16_000) // HOP, 40)
    np.testing.assert_allclose(frames[:50], GOLDEN["mel"], atol=1e-6 * GOLDEN["mel"].max())


@pytest.mark.parametrize("samples", [0, 1, 159, 160, 200, 401, 5000])
def test_every_160_samples_make_a_frame(samples):
    assert len(mel_frames(np.ones(samples, np.float32))) == 1 + samples // HOP


@pytest.mark.parametrize("size", [1, 7, 160, 333, 4000])
def test_cutting_does_not_change_the_frames(voice, size):
    audio = voice(0.5)
    stream = MelStream()
    cut = [stream.push(audio[k : k + size]) for k in range(0, len(audio), size)]
    np.testing.assert_allclose(np.concatenate([*cut, stream.flush()]), mel_frames(audio), rtol=1e-6)


def test_after_a_flush_the_stream_is_as_new(voice):
    audio = voice(0.3)
    stream = MelStream()
    stream.push(voice(0.2, pitch=200.0))
    stream.flush()
    np.testing.assert_array_equal(
        np.concatenate([stream.push(audio), stream.flush()]), mel_frames(audio)
    )


def test_a_frame_comes_no_later_than_the_lookahead_says():
    stream = MelStream()
    assert len(stream.push(np.zeros(10 * HOP + stream.lookahead, np.float32))) == 11
