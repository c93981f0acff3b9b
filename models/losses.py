"""Losses and measures of extraction, over (..., T) signals.

Where the target speaks: signal-to-distortion ratios. Where it does not: how much is let
through. Both are bounded, so that no example of a batch outweighs the rest.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

_TINY = 1e-12


def si_sdr(estimate: Tensor, target: Tensor, floor: float = 0.0) -> Tensor:
    """Scale-invariant signal-to-distortion ratio, in dB; higher is better.

    Args:
        estimate: (..., T) extracted sound, any scale.
        target: (..., T) clean sound.
        floor: share of the target's energy that is always counted as distortion, so that
            0.001 bounds the ratio at 30 dB.

    Returns: (...) one ratio per signal; of no meaning where the target is silent.
    Source: Le Roux et al., arXiv:1811.02508.
    """
    scale = (estimate * target).sum(-1, keepdim=True) / (
        target.square().sum(-1, keepdim=True) + _TINY
    )
    return _ratio_db(scale * target, estimate, floor)


def sdr(estimate: Tensor, target: Tensor, floor: float = 0.0) -> Tensor:
    """Signal-to-distortion ratio that minds the scale, in dB; arguments as `si_sdr`."""
    return _ratio_db(target, estimate, floor)


def bss_sdr(estimate: Tensor, target: Tensor, taps: int = 512) -> Tensor:
    """BSS-eval's signal-to-distortion ratio, in dB: any filter of the target is still the target.

    It is what separation papers call SDR; `sdr` is their SNR.

    Args:
        estimate, target: (..., T), not silent.
        taps: of the filter that is forgiven.

    Returns: (...) in float64.
    Source: Vincent et al., IEEE TASLP 2006; Scheibler, arXiv:2110.06440.
    """
    size = 2 ** (estimate.shape[-1] + taps - 1).bit_length()
    found, wanted = (
        torch.fft.rfft(F.normalize(signal.double(), dim=-1), size) for signal in (estimate, target)
    )
    own = torch.fft.irfft(wanted.abs().square(), size)[..., :taps]
    cross = torch.fft.irfft(wanted.conj() * found, size)[..., :taps]
    lag = torch.arange(taps, device=own.device)
    toeplitz = own[..., (lag[:, None] - lag).abs()]
    toeplitz = toeplitz + _TINY * torch.eye(taps, dtype=own.dtype, device=own.device)
    best = torch.linalg.solve(toeplitz, cross)
    explained = (best * cross).sum(-1).clamp(_TINY, 1 - _TINY)
    return 10.0 * torch.log10(explained / (1 - explained))


def leakage(estimate: Tensor, mixture: Tensor, floor: float = 0.0) -> Tensor:
    """Energy of an output beside that of the mixture, in dB; lower is better where no target is.

    `floor` bounds it: 0.001 at -30 dB.
    """
    share = estimate.square().sum(-1) / (mixture.square().sum(-1) + _TINY)
    return 10.0 * torch.log10(share + floor + _TINY)


def spectral_distance(estimate: Tensor, target: Tensor, windows: tuple[int, ...]) -> Tensor:
    """Mean difference of compressed magnitudes over several resolutions: (...).

    Magnitudes to the power 0.3 of signals scaled to the target's level, so it is level-robust.
    """
    level = target.square().mean(-1, keepdim=True).sqrt() + 1e-6
    pair = torch.stack([estimate / level, target / level])
    distances = [_compressed(pair, size) for size in windows]
    return torch.stack([(e - t).abs().mean((-2, -1)) for e, t in distances]).mean(0)


def extraction_loss(
    estimate: Tensor,
    target: Tensor,
    mixture: Tensor,
    *,
    absent: float = 0.5,
    spectral: float = 3.0,
    windows: tuple[int, ...] = (320, 1024),
) -> Tensor:
    """What training makes small: the mean over examples, present and absent ones weighed.

    Args:
        estimate, target, mixture: (B, T); a silent target means that it is absent.
        absent: weight of a decibel let through where the target is absent.
        spectral: weight of the spectral distance where it is present.
        windows: samples; the resolutions of that distance.
    """
    present = target.square().sum(-1) > 0
    ratio = 0.5 * (si_sdr(estimate, target, 1e-3) + sdr(estimate, target, 1e-3))
    distance = spectral_distance(estimate, target, windows)
    loss = torch.where(
        present, spectral * distance - ratio, absent * leakage(estimate, mixture, 1e-3)
    )
    return loss.mean()


def _ratio_db(reference: Tensor, estimate: Tensor, floor: float) -> Tensor:
    signal = reference.square().sum(-1)
    distortion = (estimate - reference).square().sum(-1)
    return 10.0 * torch.log10((signal + _TINY) / (distortion + floor * signal + _TINY))


def _compressed(signal: Tensor, size: int) -> Tensor:
    window = torch.hann_window(size, device=signal.device)
    frames = signal.unfold(-1, size, size // 2) * window
    magnitude: Tensor = torch.fft.rfft(frames).abs()
    return (magnitude + 1e-4).pow(0.3)
