"""What a vocoder is trained against: discriminators, which learn to hear what was made, and pitch.

Discriminators and their losses follow github.com/jik876/hifi-gan (MIT).

Sources: Kong et al., arXiv:2010.05646; instantaneous frequency, Ai and Ling, arXiv:2305.07952.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from ..vocoder import SLOPE

PERIODS = (2, 3, 5, 7, 11)
SCALES = 3
_SCALE_LAYERS = (  # outputs, kernel, stride, groups
    (128, 15, 1, 1), (128, 41, 2, 4), (256, 41, 2, 16), (512, 41, 4, 16),
    (1024, 41, 4, 16), (1024, 41, 1, 16), (1024, 5, 1, 1),
)  # fmt: skip
TURNING = (256, 512, 1024)  # samples, of the spectra whose phases are compared
SHARES = [eighths / 8 for eighths in range(1, 9)]  # widths that the groups divide


class PeriodDiscriminator(nn.Module):
    """Hear every `period`-th sample side by side."""

    def __init__(self, period: int, share: float) -> None:
        super().__init__()
        self.period = period
        widths = [1, *(round(share * width) for width in (32, 128, 512, 1024, 1024))]
        strides = (3, 3, 3, 3, 1)
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv2d(inputs, outputs, (5, 1), (stride, 1), (2, 0)))
            for inputs, outputs, stride in zip(widths, widths[1:], strides, strict=False)
        )
        self.post = weight_norm(nn.Conv2d(widths[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, audio: Tensor) -> list[Tensor]:
        """(B, T) -> what every layer makes of it, the verdict last."""
        short = -audio.shape[-1] % self.period
        x = F.pad(audio[:, None], (0, short), mode="reflect")
        side_by_side = x.reshape(*x.shape[:2], -1, self.period)
        return _heard(side_by_side, self.convs, self.post)


class ScaleDiscriminator(nn.Module):
    """Hear audio as it is, or smoothed by half and half again."""

    def __init__(self, share: float, *, spectral: bool) -> None:
        super().__init__()
        norm = spectral_norm if spectral else weight_norm
        self.convs, inputs = nn.ModuleList(), 1
        for width, kernel, stride, groups in _SCALE_LAYERS:
            outputs = max(16, round(share * width))
            conv = nn.Conv1d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)
            self.convs.append(norm(conv))
            inputs = outputs
        self.post = norm(nn.Conv1d(inputs, 1, 3, padding=1))

    def forward(self, audio: Tensor) -> list[Tensor]:
        """(B, T) -> what every layer makes of it, the verdict last."""
        return _heard(audio[:, None], self.convs, self.post)


class Discriminators(nn.Module):
    """All of them.

    Args:
        share: of the published widths, a multiple of 1/8.
        scales: how many hear audio smoothed ever more; each costs a CPU ten of the periods'.
    """

    def __init__(self, share: float = 1.0, scales: int = SCALES) -> None:
        super().__init__()
        self.periods = nn.ModuleList(PeriodDiscriminator(period, share) for period in PERIODS)
        self.scales = nn.ModuleList(
            ScaleDiscriminator(share, spectral=scale == 0) for scale in range(scales)
        )

    def forward(self, audio: Tensor) -> list[list[Tensor]]:
        """(B, T) -> for each discriminator what its layers make of it."""
        found = [period(audio) for period in self.periods]
        for scale in self.scales:
            found.append(scale(audio))
            audio = F.avg_pool1d(audio, 4, 2, padding=2)
        return found


def _heard(x: Tensor, convs: nn.ModuleList, post: nn.Module) -> list[Tensor]:
    features = []
    for conv in convs:
        x = F.leaky_relu(conv(x), SLOPE)
        features.append(x)
    return [*features, post(x)]


def discriminator_loss(
    real: Sequence[Sequence[Tensor]], made: Sequence[Sequence[Tensor]]
) -> Tensor:
    """Least squares: what is real is 1, what is made is 0."""
    pairs = zip(real, made, strict=True)
    parts = [(1 - r[-1]).square().mean() + m[-1].square().mean() for r, m in pairs]
    return torch.stack(parts).sum()


def adversarial_loss(made: Sequence[Sequence[Tensor]]) -> Tensor:
    """How far what is made is from passing for real."""
    return torch.stack([(1 - its[-1]).square().mean() for its in made]).sum()


def feature_loss(real: Sequence[Sequence[Tensor]], made: Sequence[Sequence[Tensor]]) -> Tensor:
    """How differently the discriminators hear the two, layer by layer."""
    parts = [
        (r.detach() - m).abs().mean()
        for its_real, its_made in zip(real, made, strict=True)
        for r, m in zip(its_real[:-1], its_made[:-1], strict=True)
    ]
    return torch.stack(parts).sum()


def turning_distance(made: Tensor, real: Tensor) -> Tensor:
    """How differently the phases of two (B, T) turn from frame to frame, 0 to 2.

    Magnitudes of spectra forgive a voice whose pitch is the frames' own; this does not, and leaves
    open at which phase a voice begins. Each bin counts as much as what lies in it is loud.
    """
    found = []
    for window in TURNING:
        x, y = (_turning(audio, window) for audio in (real, made))
        weight = x.abs().sqrt()
        weight = weight / weight.mean((1, 2), keepdim=True).clamp(min=1e-6)
        found.append((weight * (_unit(x) - _unit(y)).abs()).mean())
    return torch.stack(found).mean()


def _turning(audio: Tensor, window: int) -> Tensor:
    """(B, T) -> complex (B, bins, F): each frame times the conjugate of the one before."""
    shape = torch.hann_window(window, device=audio.device)
    spectrum = torch.stft(audio, window, window // 8, window=shape, return_complex=True)
    return spectrum[..., 1:] * spectrum[..., :-1].conj()


def _unit(turning: Tensor) -> Tensor:
    return turning / (turning.abs() + 1e-8)
