"""CLAPSep: any sound out of a mixture, asked for by words, by an example, by what it is not.

    net = load("best_model.ckpt", "music_audioset_epoch_15_esc_90.14.pt")
    wanted, unwanted = net.embed_text(["a dog barking", "music"]).split(1)
    target = net.separate(mixture, wanted, unwanted)    (1, 320000) at 32 kHz

CLAP's audio encoder hears the mixture; a U-Net over its stages, told the cue everywhere,
goes back to mel frames, and with the magnitudes beside them a transformer finds a mask.
Parameters are named as in the authors' files, but for the blocks, which are transformers' own.

Letters in shapes: B examples, T samples at 32 kHz, F frames of 10 ms, N patches, C channels,
W numbers of one side of a cue.

Sources: Ma et al., arXiv:2402.17455; FiLM, Perez et al., arXiv:1709.07871.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .clap import BANDS, TOKENS, WIDTH, Clap, Htsat, HtsatDims, LogMel
from .clap_files import (
    audio_names,
    authors_names,
    check,
    open_clap,
    open_tokenizer,
    read_state,
    tokens_of,
    within,
)
from .present import SEPARATOR, check_clap, check_file

RATE = 32_000  # Hz
SAMPLES = 10 * RATE
BINS = 513
PATCH = 4
_FFT, _HOP = 1024, 320  # samples
LORA_RANK = 16
_PARTS = ("audio_branch.", "decoder_model.")
_BESIDE = ("clap_model.", "stft.", "istft.", "resampler.")  # LAION's own, and what is computed


@dataclass(frozen=True, kw_only=True)
class Dims:
    """What a checkpoint needs to be built again; as it stands, the authors'.

    Attributes:
        cue: numbers of one side of a cue.
        mask_width, mask_layers, mask_heads, mask_dropout: of the transformer over frames.
        seconds: of a mixture; the encoder's square must hold its mel frames.
    """

    htsat: HtsatDims = field(default_factory=HtsatDims)
    cue: int = WIDTH
    mask_width: int = 640
    mask_layers: int = 3
    mask_heads: int = 8
    mask_dropout: float = 0.1
    seconds: float = 10.0

    @property
    def samples(self) -> int:
        return round(self.seconds * RATE)


class Fusion(nn.Module):
    """Features of the encoder, told the cue (FiLM), added to what comes from below."""

    def __init__(self, channels: int, cue: int) -> None:
        super().__init__()
        self.skip_conv = nn.ModuleDict(
            {side: nn.Linear(2 * cue, channels) for side in ("beta", "gamma")}
        )
        self.feature_proj = nn.Linear(channels, channels)
        self.norm = nn.LayerNorm(channels)

    def forward(self, features: Tensor, cue: Tensor, below: Tensor | None = None) -> Tensor:
        """(B, N, C) features, (B, 2 W), (B, N, C) -> (B, N, C)."""
        gamma, beta = (self.skip_conv[side](cue)[:, None] for side in ("gamma", "beta"))
        told = gamma * self.feature_proj(features) + beta
        fused: Tensor = self.norm(told if below is None else told + below)
        return fused


class Expansion(nn.Module):
    """A patch becomes four of half the channels: what the encoder merges, taken apart."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.expand = nn.Linear(channels, 2 * channels, bias=False)
        self.norm = nn.LayerNorm(channels // 2)

    def forward(self, x: Tensor, side: int) -> Tensor:
        """(B, side * side, C) -> (B, 4 * side * side, C / 2)."""
        x = self.expand(x).view(len(x), side, side, 2, 2, -1)  # columns before rows
        x = x.permute(0, 1, 4, 2, 3, 5).flatten(1, 4)
        normed: Tensor = self.norm(x)
        return normed


class Level(nn.Module):
    """One level of the U-Net: twice the resolution of the one below, then a block."""

    def __init__(self, dims: HtsatDims, channels: int, side: int, heads: int, up: bool) -> None:
        from transformers.models.clap.modeling_clap import ClapAudioLayer

        super().__init__()
        self._side = side
        self.downsample = Expansion(2 * channels) if up else None  # the authors' name
        block = ClapAudioLayer(  # type: ignore[no-untyped-call]
            dims.config(), channels, (side, side), heads
        )
        self.blocks = nn.ModuleList([block])

    def forward(self, x: Tensor) -> Tensor:
        if self.downsample is not None:
            x = self.downsample(x, self._side // 2)
        described: Tensor = self.blocks[0](x, (self._side, self._side))[0]
        return described


class Decoder(nn.Module):
    """Features of the mixture and a cue in, a mask out."""

    def __init__(self, dims: Dims) -> None:
        super().__init__()
        htsat = dims.htsat
        self._side = htsat.side // PATCH
        stages = list(zip(htsat.features[:-1], htsat.heads, strict=True))[::-1]
        sides = [self._side >> n for n in range(len(stages))][::-1]
        self.film = Fusion(htsat.features[-1], dims.cue)
        self.layers = nn.ModuleList(
            Level(htsat, channels, side, heads, up=number > 0)
            for number, (side, (channels, heads)) in enumerate(zip(sides, stages, strict=True))
        )
        self.skip = nn.ModuleList(Fusion(channels, dims.cue) for channels, _ in stages)
        self.inverse_patch_embed = nn.ModuleDict(
            {
                "norm": nn.LayerNorm(htsat.channels),
                "proj": nn.ConvTranspose2d(htsat.channels, 1, PATCH, stride=PATCH),
            }
        )
        self.spec_norm = nn.BatchNorm1d(BINS)
        width = dims.mask_width
        layer = nn.TransformerEncoderLayer(
            width, dims.mask_heads, 4 * width, dims.mask_dropout, batch_first=True
        )
        self.mask_net = nn.Sequential(
            nn.Linear(BINS + BANDS, width),
            nn.LayerNorm(width),
            nn.TransformerEncoder(layer, dims.mask_layers, enable_nested_tensor=False),
            nn.Linear(width, BINS),
        )

    def forward(self, features: list[Tensor], magnitude: Tensor, cue: Tensor) -> Tensor:
        """(B, N, C) a stage, (B, F, 513), (B, 2 W) -> (B, F, 513), from 0 to 1."""
        *skips, deepest = features
        x = self.film(deepest, cue)
        for level, skip, seen in zip(self.layers, self.skip, reversed(skips), strict=True):
            x = skip(seen, cue, level(x))
        frames = self._unfold(x)[:, : magnitude.shape[1]]
        level_free = self.spec_norm(magnitude.transpose(1, 2)).transpose(1, 2)
        mask: Tensor = self.mask_net(torch.cat([level_free, frames], dim=-1))
        return mask.sigmoid()

    def _unfold(self, x: Tensor) -> Tensor:
        """Patches to mel frames: (B, N, C) -> (B, frames, 64)."""
        side = self._side
        x = self.inverse_patch_embed["norm"](x).transpose(1, 2).unflatten(2, (side, side))
        x = self.inverse_patch_embed["proj"](x)  # (B, 1, 64 * folds, side of the square)
        return x.view(len(x), -1, BANDS, PATCH * side).transpose(2, 3).flatten(1, 2)


class Separator(nn.Module):
    """The network that runs on every mixture; `mask` is what is exported."""

    window: Tensor
    upsampling: Tensor

    def __init__(self, dims: Dims, branch: Htsat | None = None) -> None:
        from scipy.signal import firwin

        super().__init__()
        self.dims = dims
        self.audio_branch = branch or Htsat.of(dims.htsat)
        self.decoder_model = Decoder(dims)
        self.mel = LogMel()
        self.register_buffer("window", torch.hann_window(_FFT), persistent=False)
        # As scipy.signal.resample_poly designs it for 3 / 2.
        design = torch.from_numpy(3 * firwin(61, 1 / 3, window=("kaiser", 5.0))).float()
        self.register_buffer("upsampling", design, persistent=False)

    def forward(self, mixture: Tensor, cue: Tensor) -> Tensor:
        """(B, T) at 32 kHz, (B, 2 W) -> (B, T)."""
        return self.extract(mixture, cue[:, None])[:, 0]

    def extract(self, mixture: Tensor, cues: Tensor) -> Tensor:
        """Ask C times about each mixture, which is heard once: (B, T), (B, C, 2 W) -> (B, C, T)."""
        (rows, count), length = cues.shape[:2], mixture.shape[1]
        with torch.autocast(mixture.device.type, enabled=False):  # sound is no matter for bfloat16
            spectrum = torch.stft(mixture, _FFT, _HOP, window=self.window, return_complex=True)
            mel = self.mel(self.copy_48k(mixture), self.dims.htsat.frames)
        features = [one.repeat_interleave(count, 0) for one in self.audio_branch.features(mel)]
        spectrum = spectrum.repeat_interleave(count, 0)
        magnitude = spectrum.abs().transpose(1, 2)
        mask: Tensor = self.decoder_model(features, magnitude, cues.flatten(0, 1))
        masked = spectrum * mask.float().transpose(1, 2)
        audio = torch.istft(masked, _FFT, _HOP, window=self.window, length=length)
        return audio.view(rows, count, length)

    def mask(self, mel: Tensor, magnitude: Tensor, cue: Tensor) -> Tensor:
        """(B, frames, 64) decibels, (B, F, 513), (B, 2 W) -> (B, F, 513)."""
        features = self.audio_branch.features(mel)
        mask: Tensor = self.decoder_model(features, magnitude, cue)
        return mask

    def copy_48k(self, mixture: Tensor) -> Tensor:
        """(B, T) at 32 kHz -> (B, 3 T / 2) at 48 kHz."""
        spread = F.pad(mixture[..., None], (0, 2)).flatten(1)  # two zeros after each sample
        kernel = self.upsampling
        return F.conv1d(spread[:, None], kernel[None, None], stride=2, padding=30)[:, 0]


class CLAPSep(nn.Module):
    """The separator with CLAP, which makes its cues."""

    def __init__(
        self, separator: Separator, clap: Clap, tokenizer: str | Path | None = None
    ) -> None:
        super().__init__()
        self.separator = separator
        self.clap = clap
        self._tokenizer_source = tokenizer

    def embed_tokens(self, ids: Tensor) -> Tensor:
        """(B, 77) of RoBERTa's tokens, 1 where there is none -> (B, 512) unit vectors.

        Raises: ValueError if they are of another number.
        """
        if ids.ndim != 2 or ids.shape[1] != TOKENS:
            raise ValueError(f"wanted tokens (B, {TOKENS}), found {tuple(ids.shape)}")
        return self.clap.embed_tokens(ids)

    def embed_text(self, texts: list[str]) -> Tensor:
        """B texts -> (B, 512). Raises: FileNotFoundError if there is no tokenizer."""
        return self.embed_tokens(tokens_of(self._tokenizer, texts))

    def embed_audio(self, audio: Tensor) -> Tensor:
        """(B, T) at 48 kHz -> (B, 512): its first 10 s; shorter, it is repeated and padded."""
        return self.clap.embed_audio(audio)

    @torch.no_grad()
    def separate(self, mixture: Tensor, positive: Tensor | None, negative: Tensor | None) -> Tensor:
        """Keep what is asked for.

        Args:
            mixture: (B, 320000) at 32 kHz.
            positive, negative: (B, 512) what is wanted and what is not; None: not said.

        Returns: (B, 320000), on the device of the weights.
        Raises: ValueError if neither is given, or one of them has another shape.
        """
        wanted = self.separator.dims.samples
        if mixture.ndim != 2 or mixture.shape[1] != wanted:
            raise ValueError(f"wanted mixtures (B, {wanted}), found {tuple(mixture.shape)}")
        rows = (len(mixture), self.separator.dims.cue)
        for side in (positive, negative):
            if side is not None and side.shape != rows:
                raise ValueError(f"wanted cues {rows}, found {tuple(side.shape)}")
        cue, device = cue_pair(positive, negative), self.separator.window.device
        separated: Tensor = self.separator(mixture.to(device), cue.to(device))
        return separated

    @cached_property
    def _tokenizer(self) -> Any:
        return open_tokenizer(self._tokenizer_source)


def cue_pair(positive: Tensor | None, negative: Tensor | None) -> Tensor:
    """(B, W) each, or None -> (B, 2 W) as the decoder takes it: unit sides, then a unit pair."""
    given = positive if positive is not None else negative
    if given is None:
        raise ValueError("wanted a positive or a negative cue, found neither")
    sides = [torch.zeros_like(given) if side is None else side for side in (positive, negative)]
    return F.normalize(torch.cat([F.normalize(s, dim=-1) for s in sides], dim=-1), dim=-1)


def load(checkpoint: str | Path, clap: str | Path, tokenizer: str | Path | None = None) -> CLAPSep:
    """Open the authors' `best_model.ckpt`, or one that training here made, beside CLAP.

    Args:
        checkpoint: `.ckpt`, `.pt` or `.safetensors`; LoRA in it is merged.
        clap: LAION's file, or a Hugging Face folder.
        tokenizer: folder of RoBERTa's; None: the Hugging Face cache, when words are embedded.

    Raises: FileNotFoundError saying what is needed; ValueError naming every tensor amiss.
    """
    check_file(source := Path(checkpoint), SEPARATOR)
    check_clap(Path(clap))
    state = {n: v for n, v in read_state(source, SEPARATOR).items() if not n.startswith(_BESIDE)}
    frozen = open_clap(clap)
    branch = authors_names(frozen.htsat.encoder.state_dict())
    base = {f"audio_branch.{name}": value for name, value in branch.items()}
    separator = Separator(Dims())
    fill(separator, base | state, source)
    return CLAPSep(separator.eval(), frozen, tokenizer).requires_grad_(False)


def fill(separator: Separator, state: Mapping[str, Tensor], source: Path) -> None:
    """Put tensors by the authors' names into a separator. Raises: ValueError naming all amiss."""
    wanted = state_of(separator)
    if any(".lora_" in name for name in state):
        wanted |= _lora_of(wanted)
    check(wanted, state, source)
    branch, decoder = (within(merged(state), part) for part in _PARTS)
    separator.audio_branch.encoder.load_state_dict(audio_names(branch), strict=False)
    blocks = {name: value for name, value in decoder.items() if name.startswith("layers.")}
    others = {name: value for name, value in decoder.items() if name not in blocks}
    separator.decoder_model.load_state_dict(audio_names(blocks) | others, strict=False)


def state_of(separator: Separator) -> dict[str, Tensor]:
    """A separator's tensors by the authors' names; what is computed is left out."""
    branch = authors_names(separator.audio_branch.encoder.state_dict())
    decoder = separator.decoder_model.state_dict()
    blocks = {name: value for name, value in decoder.items() if name.startswith("layers.")}
    others = {name: v for name, v in decoder.items() if name not in blocks and v.ndim}
    named = {f"decoder_model.{n}": v for n, v in (authors_names(blocks) | others).items()}
    return {f"audio_branch.{name}": value for name, value in branch.items()} | named


def merged(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add low-rank changes to their weights: W + B A / rank, as the authors scale them."""
    kept = {name: value for name, value in state.items() if ".lora_" not in name}
    for name, down in state.items():
        if name.endswith(".lora_A"):
            module = name.removesuffix("lora_A")
            change = state[f"{module}lora_B"] @ down / len(down)
            kept[f"{module}weight"] = kept[f"{module}weight"] + change
    return kept


def _lora_of(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What a state dict with LoRA has beside its weights, by name; only shapes count."""
    found = {}
    for name, weight in weights.items():
        if re.search(r"^audio_branch\..*\.attn\.(qkv|proj)\.weight$", name):
            module = name.removesuffix("weight")
            found[f"{module}lora_A"] = weight.new_empty(LORA_RANK, weight.shape[1])
            found[f"{module}lora_B"] = weight.new_empty(weight.shape[0], LORA_RANK)
    return found
