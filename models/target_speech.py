"""Whisper's encoder, told whom to listen to.

Letters in shapes: B rows, T = 50 positions a second of the mixture and E of the enrolment,
W Whisper's width, D of a speaker embedding.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from .lora import add_lora
from .whisper import AudioEncoder, ResidualAttentionBlock


class TargetSpeechEncoder(nn.Module):
    """[Speaker, enrolment, mixture] in; what is said of the mixture out."""

    def __init__(self, encoder: AudioEncoder, *, speaker: int, enrolment: int, lora: int) -> None:
        """`speaker` numbers of an embedding, positions of `enrolment`, rank of the changes."""
        super().__init__()
        if lora:
            add_lora(encoder, lora)
        self.encoder = encoder
        width = encoder.ln_post.normalized_shape[0]
        self.speaker = nn.Linear(speaker, width)
        # They begin as the last of Whisper's own: far from those of the mixture.
        last = encoder.positional_embedding[len(encoder.positional_embedding) - enrolment :]
        # Without any there is nothing to learn, and processes would wait for its gradient.
        self.positions = nn.Parameter(last.clone(), requires_grad=bool(enrolment))

    def forward(self, mel: Tensor, speaker: Tensor, enrolment: Tensor) -> Tensor:
        """(B, 80, 2 T) log-mel frames of the mixture -> (B, T, W).

        Args:
            speaker: (B, D), standardised.
            enrolment: (B, 80, 2 E) log-mel frames; zeros where there is none.
        """
        encoder = self.encoder
        mixture = _front(encoder, mel)
        mixture = mixture + encoder.positional_embedding[: mixture.shape[1]]
        parts = [self.speaker(speaker)[:, None], mixture]
        if len(self.positions):
            parts.insert(1, _front(encoder, enrolment) + self.positions)
        x = torch.cat(parts, dim=1)
        for block in encoder.blocks:
            x = cast(ResidualAttentionBlock, block).encode(x)
        normed: Tensor = encoder.ln_post(x[:, -mixture.shape[1] :])
        return normed


def _front(encoder: AudioEncoder, mel: Tensor) -> Tensor:
    """(B, 80, 2 T) -> (B, T, W), without positions."""
    x = functional.gelu(encoder.conv1(mel))
    return functional.gelu(encoder.conv2(x)).transpose(1, 2)
