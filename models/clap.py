"""CLAP: what a sound is and what words say, as 512 numbers of one space.

    clap = open_clap("music_audioset_epoch_15_esc_90.14.pt")     LAION's file, or a folder
    clap.embed_audio(audio)     (B, 512)
    clap.embed_tokens(ids)      (B, 512)

The networks are transformers' HTSAT and RoBERTa; the features of HTSAT's stages are what it
returns. Files are read by `clap_files.py`.

Letters in shapes: B examples, T samples at 48 kHz, F mel frames of 10 ms, N patches, C channels.

Sources: Wu et al., arXiv:2211.06687; Chen et al., arXiv:2202.00874 (HTSAT).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:  # it is imported when a network is built: that takes seconds
    from transformers import ClapAudioConfig, ClapConfig, ClapModel
    from transformers.models.clap.modeling_clap import ClapAudioEncoder

RATE = 48_000  # Hz
SAMPLES = 10 * RATE  # what it hears of a clip
BANDS = 64
WIDTH = 512  # numbers of an embedding
TOKENS = 77
PADDING = 1  # RoBERTa's token
HOP = 480  # samples, 10 ms
_FFT = 1024
_FAINTEST = 1e-10  # power, -100 dB


@dataclass(frozen=True, kw_only=True)
class HtsatDims:
    """The sizes of an audio encoder; as they stand, HTSAT-base's.

    Attributes:
        channels: of a patch of 4 x 4; every stage after the first has twice those before it.
        depths, heads: a number a stage.
        side: of the square that the mel frames are folded into; side * side / 64 frames fit.
    """

    channels: int = 128
    depths: tuple[int, ...] = (2, 2, 12, 2)
    heads: tuple[int, ...] = (4, 8, 16, 32)
    side: int = 256

    @property
    def frames(self) -> int:
        return self.side * self.side // BANDS

    @property
    def features(self) -> tuple[int, ...]:
        """Channels of the patch embedding and of what each stage gives."""
        stages = len(self.depths)
        return tuple(self.channels * 2 ** min(n, stages - 1) for n in range(stages + 1))

    def config(self) -> "ClapAudioConfig":
        from transformers import ClapAudioConfig

        return ClapAudioConfig(
            patch_embeds_hidden_size=self.channels,
            depths=list(self.depths),
            num_attention_heads=list(self.heads),
            num_hidden_layers=len(self.depths),
            hidden_size=self.features[-1],
            spec_size=self.side,
            hidden_dropout_prob=0.0,
        )


class LogMel(nn.Module):
    """Decibels of 64 mel bands, as CLAP hears them."""

    filters: Tensor
    window: Tensor

    def __init__(self) -> None:
        from transformers.audio_utils import mel_filter_bank

        super().__init__()
        slaney = mel_filter_bank(
            _FFT // 2 + 1, BANDS, 50.0, 14_000.0, RATE, norm="slaney", mel_scale="slaney"
        )
        self.register_buffer("filters", torch.from_numpy(slaney).float(), persistent=False)
        self.register_buffer("window", torch.hann_window(_FFT), persistent=False)

    def forward(self, audio: Tensor, frames: int | None = None) -> Tensor:
        """(B, T) -> (B, F, 64), F = 1 + T // 480, or `frames` with silence at the end."""
        spectrum = torch.stft(audio, _FFT, HOP, window=self.window, return_complex=True)
        power = spectrum.abs().square().transpose(1, 2) @ self.filters  # (B, F, 64)
        if frames is not None:
            power = F.pad(power, (0, 0, 0, frames - power.shape[1]))
        return 10.0 * power.clamp(min=_FAINTEST).log10()


class Htsat(nn.Module):
    """The audio encoder."""

    def __init__(self, encoder: "ClapAudioEncoder") -> None:
        super().__init__()
        self.encoder = encoder

    @classmethod
    def of(cls, dims: HtsatDims) -> "Htsat":
        from transformers.models.clap.modeling_clap import ClapAudioEncoder

        return cls(ClapAudioEncoder(dims.config()))  # type: ignore[no-untyped-call]

    def features(self, mel: Tensor) -> list[Tensor]:
        """Describe (B, F, 64) decibels, F as `HtsatDims.frames`: the patches, then every stage.

        Returns: (B, N, C) each; N a quarter, and C twice, of those before, but the last two,
            which are alike.
        """
        given = self.encoder(mel[:, None], output_hidden_states=True)
        return [stage.flatten(2).transpose(1, 2) for stage in given.hidden_states]

    def pooled(self, mel: Tensor) -> Tensor:
        """(B, F, 64) -> (B, C); fewer frames than it takes are stretched."""
        described: Tensor = self.encoder(mel[:, None]).pooler_output
        return described


class Clap(nn.Module):
    """Both encoders, frozen; embeddings are unit vectors, on the device of the weights."""

    def __init__(self, model: "ClapModel") -> None:
        super().__init__()
        self.model = model.requires_grad_(False)
        model.eval()  # type: ignore[no-untyped-call]
        self.mel = LogMel()

    @property
    def htsat(self) -> Htsat:
        return Htsat(self.model.audio_model.audio_encoder)

    @torch.no_grad()
    def embed_audio(self, audio: Tensor) -> Tensor:
        """(B, T) -> (B, 512): the first 10 s; what is shorter is repeated, then padded."""
        return self.embed_mel(self.mel(ten_seconds(audio.to(self.mel.window.device))))

    def embed_mel(self, mel: Tensor) -> Tensor:
        """(B, F, 64) decibels -> (B, 512)."""
        projected: Tensor = self.model.audio_projection(self.htsat.pooled(mel))
        return F.normalize(projected, dim=-1)

    @torch.no_grad()
    def embed_tokens(self, ids: Tensor) -> Tensor:
        """(B, 77) of RoBERTa's tokens -> (B, 512)."""
        ids = ids.to(self.mel.window.device)
        return self.embed_masked(ids, (ids != PADDING).long())

    def embed_masked(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(B, 77) tokens, and 1 where they count -> (B, 512)."""
        said = self.model.text_model(input_ids=ids, attention_mask=mask).pooler_output
        projected: Tensor = self.model.text_projection(said)
        return F.normalize(projected, dim=-1)


def base_config() -> "ClapConfig":
    """The configuration of LAION's CLAP with HTSAT-base and RoBERTa-base."""
    from transformers import ClapConfig

    return ClapConfig(
        audio_config=HtsatDims().config().to_dict(),
        text_config={
            "layer_norm_eps": 1e-5,  # as roberta-base has it
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        },
    )


def ten_seconds(audio: Tensor) -> Tensor:
    """(B, T) -> (B, 480000). Raises: ValueError if there is nothing."""
    length = audio.shape[-1]
    if not length:
        raise ValueError("wanted a sound to embed, found an empty one")
    if length < SAMPLES:
        audio = audio.repeat(1, SAMPLES // length)
    return F.pad(audio[:, :SAMPLES], (0, max(0, SAMPLES - audio.shape[-1])))
