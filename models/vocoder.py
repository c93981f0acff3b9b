"""HiFi-GAN: log-mel frames to audio, whole recordings or a stream.

Parameters have the names of the public checkpoints (github.com/jik876/hifi-gan, MIT), whose
structure this follows; their weight norm is folded when they are read.

    net = open_vocoder(Path("generator_v1"))   # config.json lies beside it
    audio = net(net.log_mel(audio))

Letters in shapes: B rows, F mel frames, M mel bands, T = F * hop samples.

Source: Kong et al., arXiv:2010.05646.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor, prod
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize

SLOPE = 0.1
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


@dataclass(frozen=True)
class VocoderDims:
    """Sizes of a generator; the defaults are those of the public universal checkpoint (V1)."""

    mel: MelDims = MelDims()
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

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "VocoderDims":
        """Read the config.json that lies beside a public checkpoint."""
        mel = MelDims(
            rate=config["sampling_rate"], fft=config["n_fft"], hop=config["hop_size"],
            bands=config["num_mels"], low=config["fmin"], high=config["fmax"],
        )  # fmt: skip
        return cls(
            mel=mel,
            rates=tuple(config["upsample_rates"]),
            kernels=tuple(config["upsample_kernel_sizes"]),
            channels=config["upsample_initial_channel"],
            pairs=str(config["resblock"]) == "1",
            block_kernels=tuple(config["resblock_kernel_sizes"]),
            dilations=tuple(map(tuple, config["resblock_dilation_sizes"])),
        )

    def config(self) -> dict[str, Any]:
        """What `from_config` reads."""
        return {
            "sampling_rate": self.mel.rate, "n_fft": self.mel.fft, "win_size": self.mel.fft,
            "hop_size": self.mel.hop, "num_mels": self.mel.bands,
            "fmin": self.mel.low, "fmax": self.mel.high,
            "upsample_rates": list(self.rates), "upsample_kernel_sizes": list(self.kernels),
            "upsample_initial_channel": self.channels, "resblock": "1" if self.pairs else "2",
            "resblock_kernel_sizes": list(self.block_kernels),
            "resblock_dilation_sizes": [list(its) for its in self.dilations],
        }  # fmt: skip


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
                heard = wide(_masked(F.leaky_relu(x, SLOPE), on))
                x = x + narrow(_masked(F.leaky_relu(heard, SLOPE), on))
            return x
        for conv in self.convs:
            x = x + conv(_masked(F.leaky_relu(x, SLOPE), on))
        return x


class VocoderState(NamedTuple):
    """What a stream has heard and not yet forgotten: the newest 2 `reach` frames."""

    mel: Tensor  # (B, M, 2 reach)
    on: Tensor  # (B, 1, 2 reach) 1 where the stream was, 0 before it began


class Generator(nn.Module):
    """Log-mel frames to audio.

    Attributes:
        reach: frames on either side of a frame that its samples depend on; also the frames by
            which a stream lags.
    """

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
        x = self.conv_pre(_masked(mel, on))
        each = len(self.dims.block_kernels)
        for number, (up, rate) in enumerate(zip(self.ups, self.dims.rates, strict=True)):
            x = up(_masked(F.leaky_relu(x, SLOPE), on))
            on = None if on is None else on.repeat_interleave(rate, dim=-1)
            blocks = [cast(ResidualBlock, self.resblocks[number * each + i]) for i in range(each)]
            x = torch.stack([block(x, on) for block in blocks]).mean(0)
        return torch.tanh(self.conv_post(_masked(F.leaky_relu(x), on)))[:, 0]

    def initial_state(self, batch: int) -> VocoderState:
        """The state before a stream begins."""
        like = self.conv_post.weight
        return VocoderState(
            like.new_zeros(batch, self.dims.mel.bands, 2 * self.reach),
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
        hop, frames = self.dims.mel.hop, mel.shape[-1]
        heard, there = torch.cat([state.mel, mel], dim=-1), torch.cat([state.on, on], dim=-1)
        audio = self(heard, there)[:, self.reach * hop : (self.reach + frames) * hop]
        return audio, VocoderState(heard[..., frames:], there[..., frames:])


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


def open_vocoder(file: Path) -> Generator:
    """Read a generator: a public checkpoint with its config.json beside, or a best.pt of ours.

    Raises: FileNotFoundError without a configuration; ValueError if weights and sizes disagree.
    """
    content = torch.load(file, map_location="cpu", weights_only=True)
    beside = file.parent / "config.json"
    if "config" in content:
        config = content["config"]
    elif beside.is_file():
        config = json.loads(beside.read_text())
    else:
        raise FileNotFoundError(f"wanted the vocoder's sizes in {beside}, found no such file")
    return read_generator(content.get("generator", content), VocoderDims.from_config(config))


def read_generator(state: Mapping[str, Tensor], dims: VocoderDims) -> Generator:
    """Build a generator from the public names, weight norm folded.

    Raises: ValueError naming what is missing, left over, or of another shape.
    """
    net, folded = Generator(dims), {}
    for name, value in state.items():
        if name.endswith("_v"):
            gain = state[f"{name[:-1]}g"]
            size = value.flatten(1).norm(dim=1).view(gain.shape)
            folded[name[:-2]] = value * (gain / size)
        elif not name.endswith("_g"):
            folded[name] = value
    try:
        net.load_state_dict(folded)
    except RuntimeError as error:
        raise ValueError(f"wanted a HiFi-GAN generator of these sizes: {error}") from None
    return net.eval()


def normed(net: Generator) -> Generator:
    """Put weight norm on every convolution, in place, as it is trained."""
    for module in net.modules():
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
            parametrizations.weight_norm(module)
    return net


def public_state(net: Generator) -> dict[str, Tensor]:
    """The weights of a `normed` generator by the public names."""
    names = {".parametrizations.weight.original0": ".weight_g",
             ".parametrizations.weight.original1": ".weight_v"}  # fmt: skip
    state = {}
    for name, value in net.state_dict().items():
        for own, public in names.items():
            name = name.replace(own, public)
        state[name] = value.clone()
    return state


def content_of(net: Generator) -> dict[str, Any]:
    """What a checkpoint of a `normed` generator holds; `open_vocoder` reads it."""
    assert parametrize.is_parametrized(net.conv_pre)
    return {"generator": public_state(net), "config": net.dims.config()}


def _conv(inputs: int, outputs: int, kernel: int, dilation: int = 1) -> nn.Conv1d:
    padding = (kernel - 1) * dilation // 2
    conv = nn.Conv1d(inputs, outputs, kernel, padding=padding, dilation=dilation)
    nn.init.normal_(conv.weight, std=0.01)
    return conv


def _masked(x: Tensor, on: Tensor | None) -> Tensor:
    return x if on is None else x * on
