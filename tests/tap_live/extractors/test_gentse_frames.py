"""What the generative model hears and draws is a function of where in the stream it is."""

import numpy as np
import pytest
import torch

from tap_live.extractors.gentse_frames import (
    MelForm,
    MelStream,
    Stretch,
    frames_before,
    loud,
    noise_at,
    places,
    read_at,
)
from tap_live.models.gentse import GenDims, at_frames, levels
from tap_live.models.vocoder_mel import MelDims, MelSpectrum
from tap_live.whisper.features import log_mel

DIMS = MelDims(rate=16_000)
SPECTRUM = MelSpectrum(DIMS)
FORM = MelForm(DIMS.rate, DIMS.fft, DIMS.hop, SPECTRUM.filters.numpy())


def speechlike(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise whose loudness wanders, after a moment of silence."""
    rng = np.random.default_rng(seed)
    audio = 0.1 * rng.standard_normal(round(seconds * 16_000))
    audio *= np.interp(np.arange(len(audio)), np.linspace(0, len(audio), 20), rng.random(20))
    audio[:1600] = 0
    return audio.astype(np.float32)


def heard(audio: np.ndarray, size: int) -> Stretch:
    stream = MelStream(FORM)
    for start in range(0, len(audio), size):
        stream.push(audio[start : start + size])
    return stream.heard


@pytest.mark.parametrize("size", [1, 160, 4000, 10**6])
def test_a_stream_has_the_frames_and_levels_of_the_whole(size: int) -> None:
    audio = speechlike(1.0 if size == 1 else 5.0)
    found = heard(audio, size)
    mel = SPECTRUM(torch.from_numpy(audio)[None])
    count = len(found.mel)
    assert count >= mel.shape[-1] - 3  # the last windows reach beyond the end
    np.testing.assert_allclose(found.mel, mel[0, :, :count].T.numpy(), atol=2e-3)
    np.testing.assert_allclose(found.level, levels(mel, DIMS)[0, :count].numpy(), atol=1e-3)


def test_what_is_forgotten_changes_nothing_that_follows() -> None:
    audio = speechlike(6.0)
    stream = MelStream(FORM)
    stream.push(audio[:50_000])
    stream.forget(180)
    stream.push(audio[50_000:])
    whole = heard(audio, 10**6)
    assert stream.heard.start == 180 and stream.heard.end == whole.end
    part = whole.part(180, whole.end)
    np.testing.assert_allclose(stream.heard.mel, part.mel, atol=1e-5)
    np.testing.assert_allclose(stream.heard.level, part.level, atol=1e-5)


def test_a_softer_mixture_differs_by_its_level_alone() -> None:
    audio = speechlike(4.0)
    plain, soft = heard(audio, 10**6), heard(0.1 * audio, 10**6)
    there = plain.mel > np.log(1e-3)  # where the floor of the frames is far,
    there[:30] = False  # and silence makes up little of the level
    apart = (plain.mel - plain.level[:, None]) - (soft.mel - soft.level[:, None])
    assert np.abs(apart[there]).max() < 0.02
    mels = [loud(log_mel(gain * audio))[:, 12:] for gain in (1.0, 0.1)]  # after the silence
    np.testing.assert_allclose(*mels, atol=1e-3)


def test_silence_is_not_raised_to_a_sound() -> None:
    assert loud(log_mel(np.zeros(16_000, np.float32))).max() == pytest.approx(0.0, abs=1e-6)


def test_the_same_frame_has_the_same_noise_wherever_drawing_begins() -> None:
    whole = noise_at(3, 0, 400, 80)
    np.testing.assert_array_equal(noise_at(3, 123, 50, 80), whole[123:173])
    np.testing.assert_array_equal(noise_at(3, 399, 1, 80)[0], whole[399])
    assert not np.array_equal(noise_at(4, 0, 400, 80), whole)
    odd = noise_at(3, 0, 10, 7)
    np.testing.assert_array_equal(noise_at(3, 4, 6, 7), odd[4:])


def test_the_noise_is_normal_and_white() -> None:
    from scipy.stats import kstest

    noise = noise_at(0, 0, 2000, 80)
    assert kstest(noise.ravel(), "norm").pvalue > 0.01
    neighbours = np.mean(noise[1:] * noise[:-1]), np.mean(noise[:, 1:] * noise[:, :-1])
    assert np.abs(neighbours).max() < 4 / np.sqrt(noise.size)


@pytest.mark.parametrize("dims", [DIMS, GenDims().mel])
def test_positions_are_read_as_the_model_reads_them(dims: MelDims) -> None:
    form = MelForm(dims.rate, dims.fft, dims.hop, FORM.filters)
    hidden = np.random.default_rng(0).standard_normal((100, 4)).astype(np.float32)
    expected = at_frames(torch.from_numpy(hidden)[None], 110, dims)[0].numpy()
    np.testing.assert_allclose(read_at(hidden, 0, places(0, 110, form)), expected, atol=1e-4)
    late = read_at(hidden[30:], 30, places(60, 50, form))
    np.testing.assert_allclose(late, expected[60:], atol=1e-4)
    count = frames_before(99, form)
    assert places(count, 1, form)[0] >= 99 > places(count - 1, 1, form)[0]
