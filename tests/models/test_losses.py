"""Losses: their values where they are known, and what they push towards."""

import numpy as np
import pytest
import torch

from tap_live.models.losses import (
    bss_sdr,
    extraction_loss,
    leakage,
    sdr,
    si_sdr,
    spectral_distance,
)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def orthogonal_pair() -> tuple[torch.Tensor, torch.Tensor]:
    """Two signals of equal energy without a common part: a sine and its cosine."""
    angle = 2 * torch.pi * 10 * torch.arange(1000, dtype=torch.float64) / 1000
    return torch.sin(angle), torch.cos(angle)


@pytest.mark.parametrize("decibels", [-10.0, 0.0, 25.0])
def test_the_ratios_are_those_of_the_energies(decibels: float) -> None:
    target, other = orthogonal_pair()
    mixture = target + other * 10 ** (-decibels / 20)
    assert si_sdr(mixture, target).item() == pytest.approx(decibels, abs=1e-4)
    assert sdr(mixture, target).item() == pytest.approx(decibels, abs=1e-4)


def test_only_the_plain_ratio_minds_the_scale() -> None:
    target, other = orthogonal_pair()
    mixture = target + 0.1 * other
    assert si_sdr(3 * mixture, target) == pytest.approx(si_sdr(mixture, target))
    assert sdr(0.5 * target, target).item() == pytest.approx(6.02, abs=0.01)


def test_a_floor_bounds_the_ratio_of_a_perfect_estimate() -> None:
    target = noise(1000)
    assert sdr(target, target, floor=1e-3).item() == pytest.approx(30.0, abs=1e-3)


def test_leakage_is_the_share_of_the_energy() -> None:
    mixture = noise(2, 1000)
    assert leakage(0.1 * mixture, mixture).tolist() == pytest.approx([-20.0] * 2, abs=1e-3)
    assert leakage(0 * mixture, mixture, 1e-3).tolist() == pytest.approx([-30.0] * 2, abs=1e-3)


def test_the_spectral_distance_is_level_robust() -> None:
    estimate, target = noise(4000), noise(4000, seed=1)
    near = spectral_distance(estimate, target, (320, 1024))
    assert spectral_distance(0.01 * estimate, 0.01 * target, (320, 1024)) == pytest.approx(
        near.item(), rel=0.01
    )
    assert spectral_distance(target, target, (320, 1024)) < 1e-6


def test_where_the_target_is_absent_less_output_is_better() -> None:
    mixture, silence = noise(1, 4000), torch.zeros(1, 4000)
    losses = [extraction_loss(g * mixture, silence, mixture).item() for g in (1.0, 0.3, 0.1, 0.0)]
    assert losses == sorted(losses, reverse=True)


def test_where_the_target_is_present_silence_is_not_the_answer() -> None:
    target, other = noise(1, 4000), noise(1, 4000, seed=1)
    mixture = target + other
    assert extraction_loss(mixture, target, mixture) < extraction_loss(0 * mixture, target, mixture)


@pytest.mark.parametrize("present", [True, False])
def test_gradients_are_finite_even_for_a_silent_estimate(present: bool) -> None:
    mixture = noise(2, 4000)
    target = mixture * present
    estimate = torch.zeros(2, 4000, requires_grad=True)
    extraction_loss(estimate, target, mixture).backward()
    assert estimate.grad is not None and torch.isfinite(estimate.grad).all()


def test_each_example_counts_for_itself() -> None:
    mixture = noise(2, 4000)
    target = torch.stack([0.5 * mixture[0], torch.zeros(4000)])
    estimate = 0.7 * mixture
    both = extraction_loss(estimate, target, mixture)
    apart = [
        extraction_loss(estimate[i : i + 1], target[i : i + 1], mixture[i : i + 1]) for i in (0, 1)
    ]
    torch.testing.assert_close(both, torch.stack(apart).mean())


def test_the_ratio_of_separation_papers_is_bss_evals() -> None:
    """Figures of mir_eval 0.8.2 and torchmetrics 1.9.0, which agree to 1e-5."""
    rng = np.random.default_rng(0)
    target, noise = rng.standard_normal((2, 3, 16_000))
    room = np.exp(-np.arange(200) / 40) * rng.standard_normal(200)
    echo = np.convolve(target[1], room)[:16_000]
    estimate = np.stack(
        [target[0] + 0.3 * noise[0], echo + 0.1 * noise[1], 0.5 * target[2] + noise[2]]
    )
    found = bss_sdr(torch.from_numpy(estimate).float(), torch.from_numpy(target).float())
    np.testing.assert_allclose(found, [10.61991, 29.68969, -5.28260], atol=1e-4)
