"""Vocoders, log-mel frames to audio; the first of them is HiFi-GAN, `vocos.py` has the other.

HiFi-GAN's parameters have the names of the public checkpoints (github.com/jik876/hifi-gan, MIT),
whose structure it follows; `vocoder_files.py` reads them.

    net = open_vocoder(Path("generator_v1"))   # config.json lies beside it
    audio = net(net.log_mel(audio))

Letters in shapes: B rows, F mel frames, M mel bands, T = F * hop samples.

Source: Kong et al., arXiv:2010.05646.
"""

from dataclasses import dataclass, field
from math import ceil, floor, prod
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .vocoder_mel import MelDims, MelSpectrum

SLOPE = 0.1


@dataclass(frozen=True)
class VocoderDims:
    """Sizes of a generator; the defaults are those of the public universal checkpoint (V1)."""

    mel: MelDims = field(default_factory=MelDims)
    rates: tuple[int, ...] = (8, 8, 2, 2)
    kernels: tuple[int, ...] = (16, 16, 4, 4)
    channels: int = 512
    pairs: bool = True  # "resblock": "1", pairs of convolutions; else "2"
    block_kernels: tuple[int, ...] = (3, 7, 11)
    dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))

    def __post_init__(self) -> None:
        if prod(self.rates) != self.mel.hop:
            raise ValueError(
                f"wanted rates whose product is the hop of {self.mel.hop} samples, "
                f"found {prod(self.rates)}"
            )
        if len(self.rates) != len(self.kernels) or len(self.block_kernels) != len(self.dilations):
            raise ValueError("wanted a kernel for each rate and dilations for each block's kernel")
        if self.channels < 2 ** len(self.rates):
            raise ValueError(
                f"wanted {2 ** len(self.rates)} channels or more, which halve {len(self.rates)} "
                f"times, found {self.channels}"
            )


class ResidualBlock(nn.Module):
    """Dilated convolutions, each added to what it heard; `on` as `Generator.forward`."""

    def __init__(self, width: int, kernel: int, dilations: tuple[int, ...], *, pairs: bool) -> None:
        super().__init__()
        self.pairs = pairs
        wide = nn.ModuleList(_conv(width, width, kernel, dilation) for dilation in dilations)
        if pairs:
            self.convs1 = wide
            self.convs2 = nn.ModuleList(_conv(width, width, kernel) for _ in dilations)
        else:
            self.convs = wide

    def forward(self, x: Tensor, on: Tensor | None) -> Tensor:
        if self.pairs:
            for wide, narrow in zip(self.convs1, self.convs2, strict=True):
                heard = wide(masked(F.leaky_relu(x, SLOPE), on))
                x = x + narrow(masked(F.leaky_relu(heard, SLOPE), on))
            return x
        for conv in self.convs:
            x = x + conv(masked(F.leaky_relu(x, SLOPE), on))
        return x


class VocoderState(NamedTuple):
    """What a stream has heard and not yet forgotten: the newest 2 `reach` frames."""

    mel: Tensor  # (B, M, 2 reach)
    on: Tensor  # (B, 1, 2 reach) 1 where the stream was, 0 before it began


class Vocoder(nn.Module):
    """Log-mel frames to audio, whole or as a stream; which network does it is its own affair.

    Attributes:
        log_mel: audio to the frames that it takes.
        reach: frames on either side of a frame that its samples depend on; also the frames by
            which a stream lags.
    """

    dims: Any  # sizes, each network's own
    log_mel: MelSpectrum
    reach: int

    def initial_state(self, batch: int) -> VocoderState:
        """The state before a stream begins."""
        like = next(self.parameters())
        return VocoderState(
            like.new_zeros(batch, self.log_mel.dims.bands, 2 * self.reach),
            like.new_zeros(batch, 1, 2 * self.reach),
        )

    def step(self, mel: Tensor, on: Tensor, state: VocoderState) -> tuple[Tensor, VocoderState]:
        """Hear the next F >= 1 frames of a stream, and give F frames' samples, `reach` frames late.

        What is given for the frames before the first is to be thrown away; a stream ends with
        `reach` more frames that are not `on`.

        Args:
            mel: (B, M, F)
            on: (B, 1, F) 1 in the stream, 0 after its end.
        """
        hop, frames = self.log_mel.dims.hop, mel.shape[-1]
        heard, there = torch.cat([state.mel, mel], dim=-1), torch.cat([state.on, on], dim=-1)
        audio = self(heard, there)[:, self.reach * hop : (self.reach + frames) * hop]
        return audio, VocoderState(heard[..., frames:], there[..., frames:])


class Generator(Vocoder):
    """HiFi-GAN's."""

    def __init__(self, dims: VocoderDims) -> None:
        super().__init__()
        self.dims = dims
        self.log_mel = MelSpectrum(dims.mel)
        self.conv_pre = _conv(dims.mel.bands, dims.channels, 7)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        width = dims.channels
        for rate, kernel in zip(dims.rates, dims.kernels, strict=True):
            width //= 2
            padding = (kernel - rate) // 2
            self.ups.append(nn.ConvTranspose1d(2 * width, width, kernel, rate, padding))
            for size, dilations in zip(dims.block_kernels, dims.dilations, strict=True):
                self.resblocks.append(ResidualBlock(width, size, dilations, pairs=dims.pairs))
        self.conv_post = _conv(width, 1, 7)
        self.reach = max(reaches(dims))

    def forward(self, mel: Tensor, on: Tensor | None = None) -> Tensor:
        """(B, M, F) -> (B, T) samples in -1 to 1.

        Args:
            on: (B, 1, F) 0 for frames that lie outside the recording, where every layer hears
                the zeros that it pads a recording with; None: all are inside.
        """
        x = self.conv_pre(masked(mel, on))
        each = len(self.dims.block_kernels)
        for number, (up, rate) in enumerate(zip(self.ups, self.dims.rates, strict=True)):
            x = up(masked(F.leaky_relu(x, SLOPE), on))
            on = None if on is None else on.repeat_interleave(rate, dim=-1)
            blocks = [cast(ResidualBlock, self.resblocks[number * each + i]) for i in range(each)]
            x = torch.stack([block(x, on) for block in blocks]).mean(0)
        return torch.tanh(self.conv_post(masked(F.leaky_relu(x), on)))[:, 0]


def reaches(dims: VocoderDims) -> tuple[int, int]:
    """Frames before and after a frame that its samples depend on, added up layer by layer."""
    low, high = 0, dims.mel.hop - 1  # the samples of frame 0; then what they are made from
    low, high = low - 3, high + 3  # conv_post
    for rate, kernel in zip(dims.rates[::-1], dims.kernels[::-1], strict=True):
        beside = max(
            (size // 2) * sum(dilation + dims.pairs for dilation in dilations)
            for size, dilations in zip(dims.block_kernels, dims.dilations, strict=True)
        )
        low, high = low - beside, high + beside
        padding = (kernel - rate) // 2
        # Output n of a transposed convolution is made from the inputs i with
        # 0 <= n + padding - i rate < kernel.
        low, high = ceil((low + padding - kernel + 1) / rate), floor((high + padding) / rate)
    return 3 - low, 3 + high  # with conv_pre


def _conv(inputs: int, outputs: int, kernel: int, dilation: int = 1) -> nn.Conv1d:
    padding = (kernel - 1) * dilation // 2
    conv = nn.Conv1d(inputs, outputs, kernel, padding=padding, dilation=dilation)
    nn.init.normal_(conv.weight, std=0.01)
    return conv


def masked(x: Tensor, on: Tensor | None) -> Tensor:
    return x if on is None else x * on
