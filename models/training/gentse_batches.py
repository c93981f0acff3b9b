"""Batches of mixtures for the generative model, and the loss of one."""

from typing import Any, NamedTuple

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..flow import LATEST, matching_loss
from ..gentse import POSITION, RATE, GenTSE, levels
from .augment import Audio, fit
from .prompt_mixing import PromptMixer
from .voices import Voices
from .words import IGNORED, Script


class GenBatch(NamedTuple):
    """R rows; where the voice asked for is absent, `target` is silence and nothing is said."""

    mixture: Tensor  # (R, T) at 16 kHz
    enrolment: Tensor  # (R, 320 E) at 16 kHz, silence where there is none
    speaker: Tensor  # (R, D)
    heard: Tensor  # (R, T') the mixture at the vocoder's rate
    target: Tensor  # (R, T') the voice alone, likewise
    tokens: Tensor  # (R, N) start, words, end
    labels: Tensor  # (R, N) what each is to be followed by, or `IGNORED`

    def to(self, device: torch.device) -> "GenBatch":
        return GenBatch(*(part.to(device, non_blocking=True) for part in self))


class GenMixtures(torch.utils.data.Dataset[GenBatch]):
    """Batch n of a process; any n at any time. Every mixture is asked for two voices.

    Args:
        voices: those that the mixer draws from: they know what each embedding was made of.
        rate: of the vocoder.
        size: mixtures a batch.
        positions: of enrolment.
        enrolled: share of rows with enrolment audio; the rest have the speaker alone.
        examples: only so many mixtures, again and again; 0: always new ones.
    """

    def __init__(
        self,
        mixer: PromptMixer,
        voices: Voices,
        script: Script,
        rate: int,
        size: int,
        place: tuple[int, int] = (0, 1),
        *,
        positions: int,
        enrolled: float,
        examples: int = 0,
    ) -> None:
        self._mixer, self._voices, self._script = mixer, voices, script
        self._rate, self._size, self._place = rate, size, place
        self._length, self._enrolled = positions * POSITION, enrolled
        self._examples = examples

    def __getitem__(self, number: int) -> GenBatch:
        rank, processes = self._place
        first = (number * processes + rank) * self._size
        numbers = [first + row for row in range(self._size)]
        if self._examples:
            numbers = [one % self._examples for one in numbers]
        asked = [self._mixer.asked(one) for one in numbers]
        rng = np.random.default_rng([number, rank, 17])
        cues = np.concatenate([one.cues for one in asked])
        rows = [self._script.row(words, timestamps=False) for one in asked for words in one.words]
        longest = max(len(row.tokens) for row in rows)
        mixture = np.repeat(np.stack([one.mixture for one in asked]), 2, axis=0)
        target = np.concatenate([one.targets for one in asked])
        parts = (
            mixture,
            np.stack([self._enrolment(rng, cue) for cue in cues]),
            cues,
            self._resampled(mixture),
            self._resampled(target),
            _padded([row.tokens for row in rows], longest, self._script.eot),
            _padded([row.labels for row in rows], longest, IGNORED),
        )
        return GenBatch(*map(torch.from_numpy, map(np.ascontiguousarray, parts)))

    def _enrolment(self, rng: np.random.Generator, cue: NDArray[np.float32]) -> Audio:
        if rng.random() >= self._enrolled or not self._length:
            return np.zeros(self._length, np.float32)
        return fit(self._voices.enrolment(cue)[: self._length], self._length)

    def _resampled(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._rate == RATE:
            return audio
        return np.asarray(soxr.resample(audio.T, RATE, self._rate).T, np.float32)


def _padded(rows: list[list[int]], length: int, filler: int) -> NDArray[Any]:
    return np.array([[*row, *[filler] * (length - len(row))] for row in rows])


class Parts(NamedTuple):
    """The parts of the loss, each a mean."""

    flow: Tensor  # squared error of the velocity
    said: Tensor  # cross-entropy of the words, nats a token


class GenObjective(nn.Module):
    """The loss of a batch: the flow and, unless its weight is 0, the words.

    Args:
        text: weight of the words.
        dropped: share of rows whose condition is left out, for guidance.
        draws: noises and times for each row: what was heard is used so often.
    """

    def __init__(self, net: GenTSE, *, text: float, dropped: float, draws: int) -> None:
        super().__init__()
        self.net = net
        self._text, self._dropped, self._draws = text, dropped, draws

    def forward(self, batch: GenBatch) -> Tensor:
        net = self.net
        hidden = net.encode(batch.mixture, batch.speaker, batch.enrolment)
        condition, wanted = conditions(net, batch, hidden)
        loss = self._flow(condition, wanted, batch.speaker)
        return loss + self._text * words_loss(net, batch, hidden) if self._text else loss

    def _flow(self, condition: Tensor, wanted: Tensor, speaker: Tensor) -> Tensor:
        net = self.net
        condition = condition.repeat(self._draws, 1, 1)
        wanted, about = wanted.repeat(self._draws, 1, 1), net.standard(speaker)
        about = about.repeat(self._draws, 1)
        time = LATEST * torch.rand(len(wanted), device=wanted.device)
        kept = torch.rand(len(wanted), device=wanted.device) >= self._dropped
        condition = torch.where(kept[:, None, None], condition, net.nothing.to(condition.dtype))
        about = about * kept[:, None]

        def velocity(x: Tensor, t: Tensor) -> Tensor:
            moved: Tensor = net.flow(x, t, condition, about)
            return moved.float()

        return matching_loss(velocity, wanted, torch.randn_like(wanted), time)


def conditions(net: GenTSE, batch: GenBatch, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """What the flow is told, (R, F, C), and what it is to draw, (R, F, M)."""
    with torch.no_grad(), torch.autocast(hidden.device.type, enabled=False):
        heard = net.mel(batch.heard)
        level = levels(heard, net.dims.mel)
        wanted = net.relative(net.mel(batch.target), level)
        heard = net.relative(heard, level)
    return net.condition(hidden, heard), wanted


def words_loss(net: GenTSE, batch: GenBatch, hidden: Tensor) -> Tensor:
    """Cross-entropy of the words, teacher-forced."""
    logits = net.said(hidden, batch.tokens).float()
    return functional.cross_entropy(
        logits.flatten(0, 1), batch.labels.flatten(), ignore_index=IGNORED
    )
