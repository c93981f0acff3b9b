"""Vocos: log-mel frames to audio through spectra, at the rate of the frames.

Nothing is computed for each sample but an inverse Fourier transform, so it costs a CPU a
fraction of HiFi-GAN, to run and to train. Structure as github.com/gemelo-ai/vocos (MIT).

Letters in shapes: B rows, F mel frames, M mel bands, C channels, N samples of a window.

Source: Siuzdak, arXiv:2306.00814.
"""

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .vocoder import Vocoder, masked
from .vocoder_mel import MelDims, MelSpectrum

MEAN, SPREAD = -4.0, 3.0  # of log-mel frames of speech, about
LOUDEST = 6.0  # logarithm of a bin's magnitude, so that no step of training overflows


@dataclass(frozen=True)
class VocosDims:
    """Sizes; kernels are odd."""

    mel: MelDims
    width: int = 256
    layers: int = 6
    kernel: int = 7


class ConvNeXt(nn.Module):
    """A convolution of each channel, then two layers across them (Liu et al., arXiv:2201.03545)."""

    def __init__(self, dims: VocosDims) -> None:
        super().__init__()
        width, kernel = dims.width, dims.kernel
        self.dwconv = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.pwconv1 = nn.Linear(width, 3 * width)
        self.pwconv2 = nn.Linear(3 * width, width)
        self.gamma = nn.Parameter(torch.full((width,), 1.0 / dims.layers))

    def forward(self, x: Tensor, on: Tensor | None) -> Tensor:
        """(B, C, F) -> the same; `on` as `Vocos.forward`."""
        heard = self.norm(self.dwconv(masked(x, on)).mT)
        found: Tensor = self.gamma * self.pwconv2(F.gelu(self.pwconv1(heard)))
        return x + found.mT


class Vocos(Vocoder):
    """Vocos's generator."""

    def __init__(self, dims: VocosDims) -> None:
        super().__init__()
        self.dims = dims
        self.log_mel = MelSpectrum(dims.mel)
        self.embed = nn.Conv1d(dims.mel.bands, dims.width, 7, padding=3)
        self.norm = nn.LayerNorm(dims.width)
        self.convnext = nn.ModuleList(ConvNeXt(dims) for _ in range(dims.layers))
        self.final_layer_norm = nn.LayerNorm(dims.width)
        self.out = nn.Linear(dims.width, dims.mel.fft + 2)
        self.inverse = InverseSpectrum(dims.mel)
        self.reach = 3 + dims.layers * (dims.kernel // 2) + self.inverse.reach

    def forward(self, mel: Tensor, on: Tensor | None = None) -> Tensor:
        """(B, M, F) -> (B, F * hop) samples.

        Args:
            on: (B, 1, F) 0 for frames that lie outside the recording; None: all are inside.
        """
        x = self.norm(self.embed(masked((mel - MEAN) / SPREAD, on)).mT).mT
        for block in self.convnext:
            x = cast(ConvNeXt, block)(x, on)
        found = self.out(self.final_layer_norm(x.mT)).mT.to(self.inverse.bases.dtype)
        magnitude, phase = found.chunk(2, dim=1)
        magnitude = magnitude.clamp(max=LOUDEST).exp()
        with exactly(mel.device.type):
            audio: Tensor = self.inverse(magnitude * phase.cos(), magnitude * phase.sin(), on)
        return audio


def exactly(device: str) -> AbstractContextManager[object]:
    """No autocast: in bfloat16 an inverse transform has noise at -47 dB."""
    if torch.is_autocast_enabled(device):  # asked, for an exporter takes no such context
        return torch.autocast(device, enabled=False)
    return nullcontext()


class InverseSpectrum(nn.Module):
    """Overlap and add, as a transposed convolution, which every engine has.

    Attributes:
        reach: frames on either side whose windows reach into a frame's own samples.
    """

    bases: Tensor
    power: Tensor

    def __init__(self, dims: MelDims) -> None:
        super().__init__()
        self.hop, self.beside = dims.hop, (dims.fft - dims.hop) // 2
        self.reach = math.ceil(self.beside / dims.hop)
        window = torch.hann_window(dims.fft)
        both = torch.eye(dims.fft // 2 + 1, dtype=torch.complex64)
        bases = torch.fft.irfft(torch.cat([both, 1j * both]), dims.fft) * window
        self.register_buffer("bases", bases[:, None], persistent=False)
        self.register_buffer("power", window.square()[None, None], persistent=False)

    def forward(self, real: Tensor, imaginary: Tensor, on: Tensor | None) -> Tensor:
        """(B, N / 2 + 1, F) twice -> (B, F * hop)."""
        there = torch.ones_like(real[:, :1]) if on is None else on
        audio = self._added(masked(torch.cat([real, imaginary], dim=1), on), self.bases)
        return audio / self._added(there, self.power).clamp(min=1e-3)

    def _added(self, frames: Tensor, bases: Tensor) -> Tensor:
        added = F.conv_transpose1d(frames, bases, stride=self.hop)[:, 0]
        return added[:, self.beside : self.beside + frames.shape[-1] * self.hop]
