"""How well cues find what they ask for: clips of a kind by its name, and the name by a clip."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Retrieval:
    """Figures from 0 to 1.

    Attributes:
        first, five: share of queries whose kind is the nearest, or among the nearest five.
        precision: mean over kinds of the average precision with which a kind finds its queries.
    """

    first: float
    five: float
    precision: float

    def __str__(self) -> str:
        return f"R@1 {self.first:.3f}, R@5 {self.five:.3f}, mAP {self.precision:.3f}"


def retrieval(queries: Tensor, kinds: Tensor, sayings: Tensor, owners: Tensor) -> Retrieval:
    """Find the kind of each query among all kinds, and each kind's queries among all queries.

    Args:
        queries: (Q, D) cues of clips or captions.
        kinds: (Q,) the kind of each.
        sayings: (S, D) cues of how kinds are said.
        owners: (S,) the kind of each saying; a kind is as near as its nearest saying.
    """
    likeness = queries @ sayings.T  # (Q, S)
    count = int(owners.max()) + 1
    nearest = likeness.new_full((len(queries), count), -2.0)
    nearest.scatter_reduce_(1, owners.expand_as(likeness), likeness, "amax")
    order = nearest.argsort(dim=1, descending=True)
    hits = order == kinds[:, None]
    precisions = [
        _average_precision(nearest[:, kind], kinds == kind) for kind in sorted(set(kinds.tolist()))
    ]
    return Retrieval(
        hits[:, 0].float().mean().item(),
        hits[:, :5].any(1).float().mean().item(),
        sum(precisions) / len(precisions),
    )


def _average_precision(scores: Tensor, wanted: Tensor) -> float:
    found = wanted[scores.argsort(descending=True)].float()
    precision = found.cumsum(0) / torch.arange(1, len(found) + 1)
    return float((precision * found).sum() / found.sum())
