from pathlib import Path

import numpy as np
import pytest

from tap_live.whisper.features import HOP, RATE, context_frames, log_mel


def speech_like(seconds: float) -> np.ndarray:
    """A gliding voice that stops and starts, with faint noise."""
    t = np.arange(round(seconds * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * k * (120 * t + 20 * np.sin(t))) / k for k in range(1, 20))
    noise = np.random.default_rng(0).standard_normal(len(t)) * 1e-3
    return (0.1 * voice * (np.sin(5 * t) > -0.3) + noise).astype(np.float32)


@pytest.mark.parametrize("seconds", [0.5, 3.0, 12.34])
def test_it_is_what_transformers_computes(seconds: float) -> None:
    transformers = pytest.importorskip("transformers")
    audio = speech_like(seconds)
    theirs = transformers.WhisperFeatureExtractor()(
        audio, sampling_rate=RATE, return_tensors="np"
    ).input_features[0]
    thirty = np.pad(audio, (0, 30 * RATE - len(audio)))
    np.testing.assert_allclose(log_mel(thirty), theirs, atol=1e-4)


def test_it_is_what_the_reference_program_computes(shared: Path) -> None:
    import sys

    sys.path.insert(0, str(shared / "reference"))
    import fill

    audio = fill.audio("speech", 6, RATE).astype(np.float32)
    golden = np.load(shared / "reference" / "ts_whisper_golden.npz")["mel"][:, 10:]
    np.testing.assert_allclose(log_mel(audio, 3000)[:, :10], golden, atol=1e-4)


def test_a_tone_is_loudest_in_its_own_band() -> None:
    t = np.arange(RATE) / RATE
    bands = [
        int(log_mel(np.sin(2 * np.pi * f * t).astype(np.float32)).mean(axis=1).argmax())
        for f in (200, 1000, 4000)
    ]
    # 200 Hz is 3 mels, 1 kHz 15 and 4 kHz 35.2, of 45.2 mels that 80 bands divide.
    assert bands == pytest.approx(
        [3 / 45.2 * 81 - 1, 15 / 45.2 * 81 - 1, 35.2 / 45.2 * 81 - 1], abs=1
    )


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (1, 2), (320, 2), (321, 4), (16000, 100)])
def test_frames_are_just_enough_for_the_audio_and_even(samples: int, frames: int) -> None:
    assert log_mel(np.ones(samples, np.float32)).shape == (80, frames)


def test_asking_for_fewer_frames_leaves_out_the_end() -> None:
    audio = speech_like(4.0)
    whole = log_mel(audio)
    np.testing.assert_allclose(log_mel(audio, 200), whole[:, :200], atol=1e-5)


def test_frames_beyond_the_audio_are_zeros() -> None:
    audio = speech_like(1.0)
    longer = log_mel(audio, 300)
    np.testing.assert_array_equal(longer[:, :100], log_mel(audio))
    assert (longer[:, 100:] == 0).all()


def test_silence_is_finite_and_flat() -> None:
    mel = log_mel(np.zeros(5 * HOP, np.float32))
    assert np.ptp(mel) == 0
    assert np.isfinite(mel).all()


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0.0, 1000), (3.0, 1000), (12.0, 1400), (12.005, 1402), (29.5, 3000)]
)
def test_context_is_the_audio_and_silence_within_bounds(seconds: float, frames: int) -> None:
    assert context_frames(seconds) == frames
