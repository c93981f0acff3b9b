import numpy as np
import pytest
import torch
from scipy.signal import resample_poly

from tap_live.extractors.context_spectra import (
    Copy48,
    analyse,
    log_mel,
    synthesise,
)
from tap_live.models.clap import LogMel


def noise(samples, seed=0):
    return np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


def test_mel_frames_are_those_of_the_model():
    audio = noise(48_000)
    expected = LogMel()(torch.from_numpy(audio)[None], frames=128)[0]
    np.testing.assert_allclose(log_mel(audio, 128), expected, atol=2e-3)


def test_spectra_are_those_of_pytorch():
    audio = noise(32_000)
    window = torch.hann_window(1024)
    expected = torch.stft(torch.from_numpy(audio), 1024, 320, window=window, return_complex=True)
    np.testing.assert_allclose(analyse(audio), expected.T, atol=1e-4)


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 32_000), (0, 500), (12_345, 20_000), (31_000, 32_000)]
)
def test_a_part_of_the_audio_comes_back(start, stop):
    audio = noise(32_000)
    np.testing.assert_allclose(
        synthesise(analyse(audio), start, stop), audio[start:stop], atol=1e-5
    )


@pytest.mark.parametrize("size", [1, 7, 320, 1000, 5000])
def test_the_copy_is_scipys_however_the_audio_is_cut(size):
    audio, copy = noise(5001), Copy48()
    parts = [copy.push(audio[i : i + size]) for i in range(0, len(audio), size)]
    found = np.concatenate([*parts, copy.flush()])
    np.testing.assert_allclose(found, resample_poly(audio, 3, 2), atol=1e-5)


def test_the_copy_withholds_no_more_than_it_says():
    copy, given = Copy48(), 0
    for taken in range(1, 300):
        given += len(copy.push(noise(1)))
        assert given / 1.5 >= taken - copy.lookahead - 1
