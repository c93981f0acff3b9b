import numpy as np
import pytest
import torch

from tap_live.extractors.spectra import Windows, share, widened
from tap_live.models.compact import Dims
from tap_live.models.spectra import Spectra

RATES = [8_000, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def analysed(windows, audio):
    hop = windows.hop
    padded = np.concatenate([np.zeros(hop, np.float32), audio])
    return np.array(
        [windows.analyse(padded[k : k + 2 * hop]) for k in range(0, len(audio) - hop + 1, hop)]
    )


@pytest.mark.parametrize("rate", RATES)
def test_spectra_and_audio_are_those_of_the_training_program(rate):
    windows, spectra = Windows(0.016, 0.004, rate), Spectra(Dims(), rate)
    audio = noise(rate // 4)
    ours = analysed(windows, audio)
    theirs = spectra.analyse(torch.from_numpy(audio)[None])
    np.testing.assert_allclose(ours, theirs[:, 0].numpy(), atol=1e-5)
    tails = np.zeros((1, windows.fade), np.float32)
    back = np.concatenate([windows.synthesise(hop[None], tails)[0] for hop in ours])
    expected = spectra.synthesise(theirs)[0].numpy()
    np.testing.assert_allclose(back[windows.fade :], expected, atol=1e-5)


@pytest.mark.parametrize("rate", RATES)
def test_what_is_not_changed_comes_back(rate):
    windows, audio = Windows(0.016, 0.004, rate), noise(rate // 4)
    tails = np.zeros((1, windows.fade), np.float32)
    back = np.concatenate(
        [windows.synthesise(hop[None], tails)[0] for hop in analysed(windows, audio)]
    )[windows.fade :]
    np.testing.assert_allclose(back, audio[: len(back)], atol=1e-5)


def test_bins_above_those_of_the_network_take_the_mean_of_its_top_ones():
    mask = (noise(256) + 1j * noise(256, seed=1)).astype(np.complex64)
    whole = widened(mask, 769)
    np.testing.assert_array_equal(whole[:256], mask)
    np.testing.assert_allclose(whole[256:], mask[-32:].mean(), rtol=1e-6)
    assert len(widened(mask, 129)) == 129


def test_several_targets_never_take_more_than_there_is():
    masks = (3 * noise(4, 50) + 1j * noise(4, 50, seed=1)).astype(np.complex64)
    assert np.abs(share(masks.copy())).sum(axis=0).max() <= 1 + 1e-6
    modest = np.full((3, 50), 0.3, np.complex64)
    np.testing.assert_array_equal(share(modest.copy()), modest)


def test_one_target_is_left_as_its_network_has_it():
    alone = np.full((1, 50), 1.2, np.complex64)
    np.testing.assert_array_equal(share(alone.copy()), alone)
