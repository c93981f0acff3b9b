"""Train a vocoder: from the spectrum alone at first, then against discriminators.

The log has, of held-out clips, `mel`: the mean distance of log-mel frames, in nats.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..losses import spectral_distance
from ..vocoder import Generator, MelDims, MelSpectrum, VocoderDims, content_of, normed
from . import checkpoint
from .augment import Audio
from .config import RunConfig, Schedule
from .corpus import training_voices
from .data import read_clips
from .runner import Place, Runner
from .store import AudioStore
from .vocoder_losses import (
    Discriminators,
    adversarial_loss,
    discriminator_loss,
    feature_loss,
)

SMALL = VocoderDims(
    mel=MelDims(rate=16_000),
    rates=(8, 8, 4),
    kernels=(16, 16, 8),
    channels=128,
    pairs=False,
    block_kernels=(3, 5, 7),
    dilations=((1, 2), (2, 6), (3, 12)),
)
"""V3 of the paper at half its width and 16 kHz: 0.4 million parameters."""

PUBLIC = VocoderDims()
"""V1, as the public universal checkpoint."""

HELD_OUT = 40  # one clip in so many
WINDOWS = (256, 512, 1024, 2048)  # samples, of the spectra that are compared
LEVEL_DB = (-12.0, 6.0)  # beside that of the recording


@dataclass(frozen=True, kw_only=True)
class VocoderConfig(RunConfig):
    """One run.

    Attributes:
        segment: mel frames of an example.
        adversary_from: step from which discriminators are trained and heard.
        share: of the discriminators' published widths.
        weights: of mel, spectra, passing for real, and sounding alike to the discriminators.
    """

    dims: VocoderDims = SMALL
    schedule: Schedule = field(default_factory=lambda: Schedule(rate=5e-4, batch=16))
    segment: int = 32
    adversary_from: int = 20_000
    share: float = 1.0
    weights: tuple[float, float, float, float] = (45.0, 10.0, 1.0, 2.0)


class Speech(NamedTuple):
    """Clips to learn from, and their numbers in the store."""

    store: AudioStore
    train: list[int]
    held_out: list[int]


def open_speech(folder: Path, rate: int, cache: Path) -> Speech:
    """Open the training speech of a folder at a rate; one clip in 40 is held out, by its name."""
    clips = training_voices(read_clips(folder / "speech"))
    store = AudioStore.open(clips, rate, cache)
    hashes = [hashlib.sha256(clip.file.name.encode()).digest()[0] for clip in clips]
    held_out = [n for n, value in enumerate(hashes) if value % HELD_OUT == 0] or [0]
    train = [n for n in range(len(clips)) if n not in held_out] or [0]
    return Speech(store, train, held_out)


class Segments(torch.utils.data.Dataset["AudioBatch"]):
    """Batch n of a process: random parts of clips, at random levels."""

    def __init__(
        self, store: AudioStore, clips: list[int], length: int, size: int, place: tuple[int, int]
    ) -> None:
        """`place` is the rank of this process, and among how many."""
        self._store, self._clips, self._length, self._size = store, clips, length, size
        self._rank, self._processes = place
        lengths = np.array([store.length(clip) for clip in clips], np.float64)
        self._shares = lengths / lengths.sum()

    def __getitem__(self, number: int) -> "AudioBatch":
        first = (number * self._processes + self._rank) * self._size
        rows = [self._segment(first + row) for row in range(self._size)]
        return AudioBatch(torch.from_numpy(np.stack(rows)))

    def _segment(self, number: int) -> Audio:
        rng = np.random.default_rng([number, 13])
        clip = self._clips[int(rng.choice(len(self._clips), p=self._shares))]
        start = int(rng.integers(max(1, self._store.length(clip) - self._length)))
        audio = self._store.read(clip, start, start + self._length)
        gain = 10.0 ** (rng.uniform(*LEVEL_DB) / 20.0)
        gain = min(gain, 0.95 / (float(np.abs(audio).max()) + 1e-9))
        padded: Audio = np.pad(audio * np.float32(gain), (0, self._length - len(audio)))
        return padded


class AudioBatch(NamedTuple):
    """(B, T) clean speech."""

    audio: Tensor

    def to(self, device: torch.device) -> "AudioBatch":
        return AudioBatch(self.audio.to(device, non_blocking=True))


class GeneratorObjective(nn.Module):
    """The loss of the generator; `judges` are heard once they are given."""

    def __init__(self, net: Generator, config: VocoderConfig) -> None:
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
        mel_weight, spectra, passing, alike = self._weights
        with torch.autocast(real.device.type, enabled=False):
            loss: Tensor = mel_weight * (self.log_mel(made) - mel).abs().mean()
            loss = loss + spectra * spectral_distance(made, real, WINDOWS).mean()
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
    net: Generator
    average: Generator

    def __init__(
        self,
        config: VocoderConfig,
        speech: Speech,
        folder: Path,
        place: Place,
        begun: Generator | None = None,
    ) -> None:
        """`begun`: a generator to go on with, of the sizes in `config`. Raises: ValueError."""
        torch.manual_seed(config.seed)
        if begun and begun.dims != config.dims:
            raise ValueError(f"wanted a vocoder of {config.dims}, found one of {begun.dims}")
        net = normed(begun or Generator(config.dims)).to(place.device)
        length, size = config.segment * config.dims.mel.hop, config.schedule.batch
        where = (place.rank, place.processes)
        segments = Segments(speech.store, speech.train, length, size, where)
        self._parts = GeneratorObjective(net, config)
        super().__init__(config, net, self._parts, segments, folder, place)
        self.judges = Discriminators(config.share).to(place.device)
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
        return super().learn(batch)

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
        """Go on from last.pt and, once there are any, its discriminators."""
        file = self.folder / "judges.pt"
        if file.exists():
            content = checkpoint.load(file, self.place.device)
            self.judges.load_state_dict(content["judges"])
            self._judge_optimizer.load_state_dict(content["optimizer"])
        return super().resume()

    def save(self) -> None:
        if self.step > self.config.adversary_from:
            content = {
                "judges": self.judges.state_dict(),
                "optimizer": self._judge_optimizer.state_dict(),
            }
            checkpoint.save(self.folder / "judges.pt", content)
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
