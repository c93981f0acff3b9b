from pathlib import Path

import numpy as np
import pytest

from tap_live.voices.encoder import STEP_FRAMES, RollingWindows, initial_state, recording_windows
from tap_live.voices.features import mel_frames

GOLDEN = np.load(Path(__file__).parent / "resemblyzer.npz")  # by make_golden.py
CASES = {
    "low": dict(seconds=5.3, pitch=110.0, level=0.06, seed=1),
    "high": dict(seconds=3.0, pitch=210.0, formants=(750, 1500, 2900), level=0.01, seed=2),
    "short": dict(seconds=0.9, pitch=150.0, level=0.1, seed=3),
}


@pytest.mark.parametrize("name", CASES)
def test_a_recording_is_embedded_as_resemblyzer_embeds_it(encoder, voice, name):
    audio = voice(**CASES[name])
    np.testing.assert_allclose(encoder.embed(audio), GOLDEN[f"{name}_whole"], atol=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_windows_are_embedded_as_resemblyzer_embeds_them(encoder, voice, name):
    windows = encoder.embed_windows(recording_windows(voice(**CASES[name])))
    assert windows.shape == GOLDEN[f"{name}_windows"].shape
    np.testing.assert_allclose(windows, GOLDEN[f"{name}_windows"], atol=1e-4)


def test_read_in_pieces_a_window_is_the_same(encoder, voice):
    mel = mel_frames(voice(3.0))
    rolling = RollingWindows(encoder)
    for start in range(0, 240, STEP_FRAMES):
        rows = rolling.step(mel[start : start + STEP_FRAMES])
    assert rows.shape == (8, 256)
    np.testing.assert_allclose(rows[7:], encoder.read_windows(mel[None, 80:240])[1], atol=1e-5)
    np.testing.assert_allclose(rows[3:4], encoder.read_windows(mel[None, 160:240])[1], atol=1e-5)


def test_after_a_restart_nothing_of_before_is_left(encoder, voice):
    mel = mel_frames(voice(1.0))
    rolling = RollingWindows(encoder)
    first = rolling.step(mel[:20])
    rolling.step(mel[20:40])
    rolling.restart()
    np.testing.assert_array_equal(rolling.step(mel[:20]), first)


def test_no_windows_are_no_embeddings(encoder):
    embeddings, states = encoder.read_windows(np.zeros((0, 160, 40), np.float32))
    assert embeddings.shape == states.shape == (0, 256)
    assert len(encoder.advance(np.zeros((0, 20, 40), np.float32), *initial_state(0))[0]) == 0
