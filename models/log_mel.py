"""Whisper's log-mel frames, of many rows at once and on any device.

The live engine has its own, in numpy (`tap_live/whisper/features.py`); a test holds them together.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from .speaker import mel_filters

BANDS = 80
HOP = 160  # samples a frame, at 16 kHz
_FFT = 400
_DECADES = 8.0  # under the loudest value of a row is the floor


class LogMel(nn.Module):
    """Turn audio into what Whisper hears."""

    filters: Tensor
    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filters", mel_filters(BANDS), persistent=False)
        self.register_buffer("window", torch.hann_window(_FFT), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """(B, T) samples at 16 kHz, T a multiple of 320 -> (B, 80, T / 160), about -1 to 1.5."""
        padded = functional.pad(audio[:, None], (_FFT // 2, _FFT // 2), mode="reflect")[:, 0]
        spectrum = torch.stft(
            padded, _FFT, HOP, window=self.window, center=False, return_complex=True
        )
        powers = spectrum[..., :-1].abs().square().transpose(1, 2) @ self.filters  # (B, F, 80)
        logs = powers.clamp(min=1e-10).log10()
        loudest = logs.amax(dim=(1, 2), keepdim=True)
        return ((logs.maximum(loudest - _DECADES) + 4.0) / 4.0).transpose(1, 2)
