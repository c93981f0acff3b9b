"""The space of cues: MiniLM's less its mean, in the directions that captions vary in."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ..cues import WIDTH


@dataclass(frozen=True)
class Space:
    """From MiniLM's sentence embeddings to cues; `mean` (384,), `axes` (384, width)."""

    mean: Tensor
    axes: Tensor

    @classmethod
    def fit(cls, sentences: Tensor, width: int = WIDTH) -> "Space":
        """Take the mean and the principal axes of (N, 384) embeddings of captions."""
        mean = sentences.mean(0)
        _, _, axes = torch.linalg.svd(sentences - mean, full_matrices=False)
        return cls(mean, axes[:width].T.contiguous())

    def place(self, sentences: Tensor) -> Tensor:
        """(N, 384) embeddings of sentences -> (N, width) cues, as unit vectors."""
        return F.normalize((sentences - self.mean) @ self.axes, dim=-1)
