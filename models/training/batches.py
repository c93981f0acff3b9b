"""Batches of mixtures by number, and the loss of one."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..compact import CompactExtractor
from ..losses import extraction_loss
from ..spectra import Spectra, extract
from .course import Examples
from .heard import Heard

LISTENED = 4  # rows of a batch that Whisper hears: it costs as much a row as the network


class Batch(NamedTuple):
    """Mixtures (B, T), targets (B, C, T) and cues (B, C, cue)."""

    mixture: Tensor
    targets: Tensor
    cues: Tensor

    def to(self, device: torch.device) -> "Batch":
        return Batch(*(part.to(device, non_blocking=True) for part in self))


class Mixtures(torch.utils.data.Dataset[Batch]):
    """Batch n of a process; any n at any time, so resuming skips nothing and repeats nothing."""

    def __init__(self, mixer: Examples, size: int, rank: int = 0, processes: int = 1) -> None:
        self.mixer = mixer
        self._size = size
        self._rank = rank
        self._processes = processes

    def __getitem__(self, number: int) -> Batch:
        first = (number * self._processes + self._rank) * self._size
        examples = [self.mixer.example(first + i) for i in range(self._size)]
        return Batch(*(torch.from_numpy(np.stack(part)) for part in zip(*examples, strict=True)))


class Objective(nn.Module):
    """The loss of a batch, as one module, so that it can be compiled and distributed."""

    def __init__(
        self,
        net: CompactExtractor,
        rate: int,
        absent: float,
        heard: Heard | None = None,
        weight: float = 0.0,
    ) -> None:
        """`absent`, and the `weight` of what is `heard`: see `TrainConfig`."""
        super().__init__()
        self.net = net
        self._absent = absent
        self._heard, self._weight = heard, weight
        self.spectra = Spectra(net.dims, rate)
        self._windows = (rate // 50, rate * 64 // 1000)  # 20 and 64 ms

    def forward(self, batch: Batch) -> Tensor:
        estimate = extract(self.net, self.spectra, batch.mixture, batch.cues).flatten(0, 1)
        length, count = estimate.shape[-1], batch.cues.shape[1]
        mixture = batch.mixture[:, :length].repeat_interleave(count, dim=0)
        targets = batch.targets[..., :length].flatten(0, 1)
        estimate = estimate.float()
        loss = extraction_loss(
            estimate, targets, mixture, absent=self._absent, windows=self._windows
        )
        there = targets.square().sum(-1) > 0
        if self._heard is None or not there.any():
            return loss
        distance: Tensor = self._heard(estimate[there][:LISTENED], targets[there][:LISTENED])
        return loss + self._weight * distance.mean() * there.float().mean()
