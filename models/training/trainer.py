"""Train one compact extractor, of voices or of sounds."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ..compact import CompactExtractor
from ..losses import si_sdr
from ..spectra import Spectra, extract
from . import checkpoint
from .batches import Batch, Mixtures, Objective
from .config import TrainConfig
from .course import Course
from .growing import grown
from .heard import RATE, Heard
from .runner import Place, Runner

__all__ = ["Place", "Trainer"]


class Trainer(Runner[Batch]):
    """Run, save, resume; best.pt holds dims and averaged weights."""

    config: TrainConfig
    net: CompactExtractor
    average: CompactExtractor
    mixtures: Mixtures

    def __init__(
        self,
        config: TrainConfig,
        course: Course,
        folder: Path,
        place: Place,
        heard: Heard | None = None,
    ) -> None:
        """`heard`: what listens, if `config.heard` says that it counts.

        Raises: ValueError if only one of the two is given, or it hears another rate.
        """
        if bool(config.heard) != (heard is not None):
            raise ValueError(f"wanted a Whisper and a weight of it, found weight {config.heard}")
        if heard is not None and course.rate != RATE:
            raise ValueError(f"wanted mixtures at {RATE} Hz for Whisper, found {course.rate} Hz")
        torch.manual_seed(config.seed)
        net = CompactExtractor(config.dims).to(place.device)
        net.condition.fit(torch.from_numpy(course.cues).to(place.device))
        size = config.schedule.batch
        mixtures = Mixtures(course.train, size, place.rank, place.processes)
        objective = Objective(net, course.rate, config.absent, heard, config.heard)
        super().__init__(config, net, objective, mixtures, folder, place)
        self._rate = course.rate
        self._heard = heard
        self._checks = [
            Mixtures(course.held_out, 4)[number].to(place.device)
            for number in range(config.check_cases // 4 if place.rank == 0 else 0)
        ]

    def warm_start(self, file: Path) -> None:
        """Begin with the weights of another run's best.pt.

        It may be narrower, look back less, or not hear what follows.

        Raises: ValueError if it is of other sizes.
        """
        weights = grown(checkpoint.open_network(file), self.config.dims).state_dict()
        self.net.load_state_dict(weights)
        self.average.load_state_dict(weights)

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """SI-SDR improvement on held-out targets, and what is let through of absent ones."""
        spectra = Spectra(self.config.dims, self._rate).to(self.place.device)
        gains, leaks, heard = [], [], []
        for mixture, targets, cues in self._checks:
            estimate = extract(self.average, spectra, mixture, cues)
            target = targets[..., : estimate.shape[-1]]
            mixed = mixture[:, None, : estimate.shape[-1]].expand_as(target)
            present = target.square().sum(-1) > 0
            gains.append((si_sdr(estimate, target) - si_sdr(mixed, target))[present])
            share = estimate.square().sum(-1) / mixed.square().sum(-1)
            leaks.append(10 * torch.log10(share + 1e-9)[~present])
            if self._heard is not None:
                heard.append(self._heard(estimate[present], target[present]))
        gain, leak = torch.cat(gains), torch.cat(leaks)
        return {
            "gain_db": gain.mean().item(),
            "worse": (gain < 0).float().mean().item(),
            "leak_db": leak.mean().item(),
            **({"heard": torch.cat(heard).mean().item()} if heard else {}),
        }

    def score(self, figures: dict[str, float]) -> float:
        """A decibel less of what is absent is worth a fifth of one more of what is there."""
        quiet = figures["gain_db"] - 0.2 * max(-20.0, figures["leak_db"])
        return quiet - self.config.heard * figures.get("heard", 0.0)

    def scoring(self) -> float:
        return self.config.heard

    def kept(self, figures: dict[str, Any]) -> dict[str, Any]:
        return {
            "dims": asdict(self.config.dims),
            "weights": self.average.state_dict(),
            "figures": figures,
        }
