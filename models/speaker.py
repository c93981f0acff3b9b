"""The GE2E speaker encoder: who speaks, as 256 numbers.

The weights are those of Resemblyzer (Apache-2.0); the network and its input follow
it: 40 power mel bands (not logarithmic) every 10 ms at 16 kHz, windows of 1.6 s, the
mean of whose unit vectors, made a unit vector again, is the embedding.

Source: Wan et al., arXiv:1710.10467; github.com/resemble-ai/Resemblyzer.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

RATE = 16_000  # Hz
BANDS = 40
WIDTH = 256
WINDOW_FRAMES = 160  # 1.6 s
STEP_FRAMES = 77  # 1.3 windows a second
_FFT, _HOP = 400, 160  # 25 and 10 ms
_LEVEL_DBFS = -30.0  # quieter recordings are raised to this RMS


class SpeakerEncoder(nn.Module):
    """Three LSTM layers over mel frames; the last state, projected, is the voice."""

    filters: Tensor
    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(BANDS, WIDTH, num_layers=3, batch_first=True)
        self.linear = nn.Linear(WIDTH, WIDTH)
        self.register_buffer("filters", mel_filters(BANDS), persistent=False)
        self.register_buffer("window", torch.hann_window(_FFT), persistent=False)

    @classmethod
    def open(cls, file: Path) -> "SpeakerEncoder":
        """Load Resemblyzer's `pretrained.pt`, or our own `.safetensors` copy of it."""
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            weights = load_file(file)
        else:
            weights = torch.load(file, weights_only=True, map_location="cpu")["model_state"]
        encoder = cls()
        wanted = encoder.state_dict().keys()
        encoder.load_state_dict({name: weights[name].float() for name in wanted})
        return encoder.eval()

    def mel(self, audio: Tensor) -> Tensor:
        """Turn (B, T) audio at 16 kHz into (B, F, 40) power mel frames, F = 1 + T // 160."""
        spectrum = torch.stft(
            audio, _FFT, _HOP, window=self.window, pad_mode="constant", return_complex=True
        )
        return spectrum.abs().square().transpose(1, 2) @ self.filters

    def forward(self, mel: Tensor) -> Tensor:
        """Embed windows: (B, F, 40) -> (B, 256) unit vectors."""
        _, (hidden, _) = self.lstm(mel)
        return F.normalize(torch.relu(self.linear(hidden[-1])), dim=-1)

    @torch.no_grad()
    def embed(self, audio: Tensor) -> Tensor:
        """Embed one recording: (T,) at 16 kHz -> (256,).

        Speech only is expected: trim long silences before. Windows overlap by half; a
        last one that is less than three quarters full is left out.
        """
        windows = self.windows(audio)
        return F.normalize(self(windows).mean(0), dim=0)

    def windows(self, audio: Tensor) -> Tensor:
        """Cut (T,) audio into (N, 160, 40) mel windows, N >= 1."""
        audio = _raise_level(audio)
        frames = -(-(len(audio) + 1) // _HOP)
        count = 1 + max(0, -(-(frames - WINDOW_FRAMES) // STEP_FRAMES))
        last = (count - 1) * STEP_FRAMES * _HOP
        covered = (len(audio) - last) / (WINDOW_FRAMES * _HOP)
        if covered < 0.75 and count > 1:
            count -= 1
        needed = ((count - 1) * STEP_FRAMES + WINDOW_FRAMES) * _HOP
        mel = self.mel(F.pad(audio, (0, max(0, needed - len(audio))))[None])[0]
        return mel.unfold(0, WINDOW_FRAMES, STEP_FRAMES)[:count].transpose(1, 2)


def _raise_level(audio: Tensor) -> Tensor:
    level = 10.0 * torch.log10(audio.square().mean() + 1e-20)
    gain = torch.clamp(_LEVEL_DBFS - level, min=0.0, max=80.0)
    return audio * 10.0 ** (gain / 20.0)


def mel_filters(bands: int) -> Tensor:
    """Triangles equally wide on Slaney's mel scale, each of unit area: (201, bands)."""
    linear_top, linear_top_mel, octave = 1000.0, 15.0, np.log(6.4) / 27.0
    top = linear_top_mel + np.log(RATE / 2 / linear_top) / octave
    mel = np.linspace(0.0, top, bands + 2)
    edges = np.where(
        mel < linear_top_mel,
        mel * 200.0 / 3.0,
        linear_top * np.exp(octave * (mel - linear_top_mel)),
    )
    bins = np.linspace(0.0, RATE / 2, _FFT // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins) / np.diff(edges)[1:]
    area = 2.0 / (edges[2:] - edges[:-2])
    return torch.from_numpy(np.maximum(0.0, np.minimum(rising, falling)) * area).float()
