"""Train a vocoder: from the spectrum alone at first, then against discriminators.

The log has, of held-out clips, `mel`: the mean distance of log-mel frames, in nats.
"""

import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..losses import spectral_distance
from ..vocoder import Vocoder, VocoderDims
from ..vocoder_files import AnyDims, content_of, normed, vocoder_of
from ..vocoder_mel import SHORT, MelSpectrum
from ..vocos import VocosDims
from . import checkpoint
from .config import RunConfig, Schedule
from .runner import Place, Runner
from .vocoder_batches import AudioBatch, Segments, Speech
from .vocoder_losses import (
    SCALES,
    SHARES,
    Discriminators,
    adversarial_loss,
    discriminator_loss,
    feature_loss,
    turning_distance,
)

SMALL = VocosDims(SHORT)
"""Vocos for a CPU, at 16 kHz: 2.7 million parameters."""

PUBLIC = VocoderDims()
"""HiFi-GAN's V1, as the public universal checkpoint."""

SIZES: dict[str, AnyDims] = {"small": SMALL, "public": PUBLIC}

log = logging.getLogger(__name__)

JUDGES, JUDGES_BEFORE = "judges.pt", "judges-before.pt"
WINDOWS = (64, 256, 512, 1024, 2048)  # samples, of the spectra that are compared


@dataclass(frozen=True, kw_only=True)
class VocoderConfig(RunConfig):
    """One run.

    Attributes:
        segment: mel frames of an example.
        adversary_from: step from which discriminators are trained and heard.
        share: of the discriminators' published widths, in eighths.
        scales: discriminators of smoothed audio, beside those of periods.
        weights: of mel, spectra, their turning, passing for real, and sounding alike to the
            discriminators.
    """

    dims: AnyDims = SMALL
    schedule: Schedule = field(default_factory=lambda: Schedule(rate=5e-4, batch=16))
    segment: int = 32
    adversary_from: int = 20_000
    share: float = 1.0
    scales: int = SCALES
    weights: tuple[float, float, float, float, float] = (45.0, 10.0, 10.0, 1.0, 2.0)

    def __post_init__(self) -> None:
        least = -(-max(WINDOWS) // self.dims.mel.hop)
        if self.segment < least:
            raise ValueError(
                f"wanted segments of {least} mel frames or more, as long as the spectra that are "
                f"compared, found {self.segment}"
            )
        if self.share not in SHARES:
            raise ValueError(
                f"wanted a share of the discriminators' widths in eighths, 0.125 to 1, "
                f"found {self.share}"
            )
        if self.adversary_from < 0 or self.scales < 0:
            raise ValueError(
                "wanted discriminators of scales, and the step that they begin at, from 0 on, "
                f"found {self.scales} and {self.adversary_from}"
            )


class GeneratorObjective(nn.Module):
    """The loss of the generator; `judges` are heard once they are given."""

    def __init__(self, net: Vocoder, config: VocoderConfig) -> None:
        super().__init__()
        self.net = net
        self.log_mel = MelSpectrum(config.dims.mel)
        self.judges: list[Discriminators] = []  # no part of it: this loss does not teach them
        self._weights = config.weights

    def forward(self, batch: AudioBatch) -> Tensor:
        real = batch.audio
        with torch.autocast(real.device.type, enabled=False):
            mel = self.log_mel(real)
        made = self.net(mel).float()
        mel_weight, spectra, turning, passing, alike = self._weights
        with torch.autocast(real.device.type, enabled=False):
            loss: Tensor = mel_weight * (self.log_mel(made) - mel).abs().mean()
            loss = loss + spectra * spectral_distance(made, real, WINDOWS).mean()
            loss = loss + turning * turning_distance(made, real)
        for judge in self.judges:
            heard = judge(made)
            with torch.no_grad():
                wanted = judge(real)
            loss = loss + passing * adversarial_loss(heard) + alike * feature_loss(wanted, heard)
        return loss


class JudgingObjective(nn.Module):
    """The loss of the discriminators."""

    def __init__(self, judges: Discriminators) -> None:
        super().__init__()
        self.judges = judges

    def forward(self, real: Tensor, made: Tensor) -> Tensor:
        return discriminator_loss(self.judges(real), self.judges(made))


class VocoderTrainer(Runner[AudioBatch]):
    """Run, save, resume; best.pt holds the public layout, which `open_vocoder` reads."""

    config: VocoderConfig
    net: Vocoder
    average: Vocoder

    def __init__(
        self,
        config: VocoderConfig,
        speech: Speech,
        folder: Path,
        place: Place,
        begun: Vocoder | None = None,
    ) -> None:
        """`begun`: a vocoder to go on with, of the sizes in `config`. Raises: ValueError."""
        torch.manual_seed(config.seed)
        if begun and begun.dims != config.dims:
            raise ValueError(f"wanted a vocoder of {config.dims}, found one of {begun.dims}")
        net = normed(begun or vocoder_of(config.dims)).to(place.device)
        length, size = config.segment * config.dims.mel.hop, config.schedule.batch
        where = (place.rank, place.processes)
        segments = Segments(speech.store, speech.train, length, size, where)
        self._parts = GeneratorObjective(net, config)
        super().__init__(config, net, self._parts, segments, folder, place)
        self.judges = Discriminators(config.share, config.scales).to(place.device)
        self._judging = self._distributed(JudgingObjective(self.judges))
        self._judge_optimizer = torch.optim.AdamW(
            self.judges.parameters(), lr=config.schedule.rate, betas=(0.8, 0.99), weight_decay=0.01
        )
        held_out = Segments(speech.store, speech.held_out, 4 * length, 4, (0, 1))
        self._checks = [held_out[n].to(place.device) for n in range(config.check_cases // 4)]

    def learn(self, batch: AudioBatch) -> Tensor:
        if self.step >= self.config.adversary_from:
            self._judge(batch)
            self._parts.judges = [self.judges]
        self.judges.requires_grad_(False)  # heard, not taught
        loss = super().learn(batch)
        self.judges.requires_grad_(True)
        return loss

    def _judge(self, batch: AudioBatch) -> None:
        for group in self._judge_optimizer.param_groups:
            group["lr"] = self.rate()
        with torch.autocast(self.place.device.type, torch.bfloat16, enabled=self.config.bf16):
            with torch.no_grad():
                made = self.net(self._parts.log_mel(batch.audio))
            loss = self._judging(batch.audio, made)
        self._judge_optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self._judge_optimizer.step()

    def resume(self) -> bool:
        """Go on from last.pt and, once there are any, the discriminators of its step."""
        begun = super().resume()
        found = [self.folder / name for name in (JUDGES, JUDGES_BEFORE)]
        judges = [checkpoint.load(file, self.place.device) for file in found if file.exists()]
        if begun and judges:
            fit = [one for one in judges if one.get("step", self.step) == self.step]
            if not fit:
                log.warning("%s has no discriminators of step %d", self.folder, self.step)
            chosen = (fit or judges)[0]
            self.judges.load_state_dict(chosen["judges"])
            self._judge_optimizer.load_state_dict(chosen["optimizer"])
        return begun

    def save(self) -> None:
        """Keep the discriminators of the step before until last.pt is of this one."""
        if self.step > self.config.adversary_from:
            content = {
                "judges": self.judges.state_dict(),
                "optimizer": self._judge_optimizer.state_dict(),
                "step": self.step,
            }
            if (self.folder / JUDGES).exists():
                os.replace(self.folder / JUDGES, self.folder / JUDGES_BEFORE)
            checkpoint.save(self.folder / JUDGES, content)
        super().save()

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """See the head of this file."""
        mel = self._parts.log_mel
        apart = [(mel(self.average(mel(a))) - mel(a)).abs().mean() for (a,) in self._checks]
        return {"mel": torch.stack(apart).mean().item()}

    def score(self, figures: dict[str, float]) -> float:
        return -figures["mel"]

    def kept(self, figures: dict[str, Any]) -> dict[str, Any]:
        return {**content_of(self.average), "figures": figures}
