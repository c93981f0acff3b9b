"""The log-mel frames that vocoders hear: 80 bands below 8 kHz, whatever the rate.

Letters in shapes: B rows, F mel frames, M mel bands, T = F * hop samples.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

QUIETEST = 1e-5  # amplitude of a band that counts as silence


@dataclass(frozen=True)
class MelDims:
    """Log-mel frames as vocoders hear them; in samples and Hz."""

    rate: int = 22_050
    fft: int = 1024  # and window
    hop: int = 256
    bands: int = 80
    low: float = 0.0
    high: float = 8000.0


SHORT = MelDims(rate=16_000, fft=512, hop=160)
"""Of small models: 10 ms, two to each of Whisper's positions. A steady voice is heard as frames
that are all alike if windows are long beside its period, and a network that treats all frames
alike gives it the pitch of the frames: so windows are half as long as the public ones."""


class MelSpectrum(nn.Module):
    """Audio to log-mel frames, as vocoders were trained on: frame f is centred at (f + 1/2) hop."""

    filters: Tensor
    window: Tensor

    def __init__(self, dims: MelDims) -> None:
        super().__init__()
        from transformers.audio_utils import mel_filter_bank

        self.dims = dims
        filters = mel_filter_bank(
            dims.fft // 2 + 1, dims.bands, dims.low, dims.high, dims.rate, "slaney", "slaney"
        )
        self.register_buffer("filters", torch.from_numpy(filters).float(), persistent=False)
        self.register_buffer("window", torch.hann_window(dims.fft), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """(B, T) -> (B, M, T // hop) natural logarithms of amplitudes; T at least a window."""
        dims, beside = self.dims, (self.dims.fft - self.dims.hop) // 2
        padded = F.pad(audio[:, None], (beside, beside), mode="reflect")[:, 0]
        spectrum = torch.stft(
            padded, dims.fft, dims.hop, window=self.window, center=False, return_complex=True
        )
        amplitude = (torch.view_as_real(spectrum).square().sum(-1) + 1e-9).sqrt()
        return (self.filters.T @ amplitude).clamp(min=QUIETEST).log()
