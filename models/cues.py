"""Cues for sounds: words and example clips as unit vectors of one space of 128 numbers.

The space is a part of MiniLM's. A clip is read by a small convolutional network, trained to lie
where the sentences about it lie; words are looked up in a table distilled from MiniLM, so that
neither needs a language model at run time.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

RATE = 32_000  # Hz
WIDTH = 128  # numbers of a cue
BANDS = 64
HOP = 640  # samples, 20 ms
WINDOW_FRAMES = 150  # 3 s
STEP_FRAMES = 75
# Cosine; sayings so much further than the nearest count 1 / e. It moves captions of training clips
# nearest to their kinds' clips, each caption judged by the others (models/training/EXPERIMENTS.md).
SPREAD = 0.05
LOWEST = 1e-5  # of the mean power: what is fainter is not told apart
_FFT = 1024


@dataclass(frozen=True, kw_only=True)
class AudioDims:
    """What a checkpoint of the audio encoder needs to be built again."""

    channels: tuple[int, ...] = (32, 64, 128, 256)
    hidden: int = 512
    width: int = WIDTH


class AudioCueEncoder(nn.Module):
    """Convolutions over log-mel frames; mean and maximum over time; a unit vector."""

    filters: Tensor
    window: Tensor

    def __init__(self, dims: AudioDims) -> None:
        super().__init__()
        self.dims = dims
        self.register_buffer("filters", mel_filters(), persistent=False)
        self.register_buffer("window", torch.hann_window(_FFT), persistent=False)
        first, *others = dims.channels
        layers: list[nn.Module] = [nn.Conv2d(1, first, 5, stride=2, padding=2, bias=False)]
        layers += [nn.BatchNorm2d(first), nn.ReLU()]
        for before, after in zip(dims.channels, others, strict=False):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(after), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        rows = -(-BANDS // 2 ** len(dims.channels))
        pooled = 2 * dims.channels[-1] * rows
        self.head = nn.Sequential(
            nn.Dropout(0.3),
            nn.Linear(pooled, dims.hidden),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(dims.hidden, dims.width),
        )

    def mel(self, audio: Tensor) -> Tensor:
        """(T,) audio at 32 kHz -> (F, 64) power mel frames, F = 1 + T // 640."""
        spectrum = torch.stft(
            audio, _FFT, HOP, window=self.window, pad_mode="constant", return_complex=True
        )
        power: Tensor = spectrum.abs().square().T @ self.filters
        return power

    def forward(self, mel: Tensor) -> Tensor:
        """(B, F, 64) power mel frames -> (B, width) unit vectors; level makes no difference."""
        level = mel.mean((1, 2), keepdim=True) + 1e-20
        x = self.layers((mel / level + LOWEST).log10()[:, None])  # (B, C, F', bands')
        x = x.transpose(2, 3).flatten(1, 2)  # (B, C * bands', F')
        x = torch.cat([x.mean(-1), x.amax(-1)], dim=-1)
        return F.normalize(self.head(x), dim=-1)

    @torch.no_grad()
    def embed(self, mel: Tensor) -> Tensor:
        """(F, 64) power mel frames of one clip -> (width,), the mean of its windows."""
        return F.normalize(self(windows(mel)).mean(0), dim=0)


def windows(mel: Tensor) -> Tensor:
    """(F, 64) frames -> (N, 150, 64) windows; short clips are repeated, near silence left out."""
    if len(mel) < WINDOW_FRAMES:
        mel = mel.repeat(-(-WINDOW_FRAMES // len(mel)), 1)[:WINDOW_FRAMES]
    cut = mel.unfold(0, WINDOW_FRAMES, STEP_FRAMES).transpose(1, 2)
    power = cut.mean((1, 2))
    return cut[power >= 1e-3 * power.max()]


class Likes(NamedTuple):
    """What known kinds of sound are like, by how they are said.

    Words that lie near sayings are moved towards the clips of their kinds: a network that hears
    finds more in what a kind sounds like than in where its name lies. So are example clips.

    Attributes:
        sayings: (S, width) cues of how kinds are said.
        kinds: (S,) which kind each says, int64.
        clips: (K, width) the mean cue of each kind's clips, of length 1; zeros where it has none.
    """

    sayings: Tensor
    kinds: Tensor
    clips: Tensor

    def move(self, cues: Tensor) -> Tensor:
        """(N, width) cues of words or of clips -> the same, moved; unit vectors."""
        if not len(self.sayings):
            return cues
        shares = torch.softmax(cues @ self.sayings.T / SPREAD, dim=1)
        return F.normalize(cues + shares @ self.clips[self.kinds], dim=-1)


NO_LIKES = Likes(torch.zeros(0, WIDTH), torch.zeros(0, dtype=torch.int64), torch.zeros(0, WIDTH))


class TextCueTable(nn.Module):
    """A vector and a weight for every word piece; a text is the weighted mean of its pieces."""

    def __init__(self, pieces: int, width: int = WIDTH) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.zeros(pieces, width))
        self.weights = nn.Parameter(torch.zeros(pieces))

    def forward(self, pieces: Tensor, texts: Tensor, count: int) -> Tensor:
        """Embed texts.

        Args:
            pieces: (N,) numbers of the pieces of all texts.
            texts: (N,) the text that each belongs to, below `count`.

        Returns: (count, width) unit vectors.
        """
        weighted = self.vectors[pieces] * self.weights[pieces].exp()[:, None]
        sums = weighted.new_zeros(count, weighted.shape[1]).index_add(0, texts, weighted)
        return F.normalize(sums, dim=-1)


def mel_filters() -> Tensor:
    """Triangles of unit height, equally wide in mel (2595 log10(1 + f/700)): (513, 64)."""
    mel = np.linspace(0.0, 2595 * np.log10(1 + RATE / 2 / 700), BANDS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    bins = np.linspace(0.0, RATE / 2, _FFT // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins) / np.diff(edges)[1:]
    return torch.from_numpy(np.maximum(0.0, np.minimum(rising, falling))).float()
