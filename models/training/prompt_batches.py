"""Batches of mixtures for prompts, what Whisper is to say of them, and the loss of a batch."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..log_mel import HOP, LogMel
from ..ts_whisper import FRAMES, FRAMES_A_POSITION, TargetSpeakerWhisper
from ..whisper import Encoding, Whisper
from .prompt_mixing import GRAIN, PromptMixer
from .words import IGNORED, Script

CONTEXT = 1000  # frames: the shortest that streaming gives Whisper
NEVER = -1e4  # the logit of a time that cannot be
SILENCE = 100  # frames behind the audio in a context that is cut


class PromptBatch(NamedTuple):
    """R rows; where the voice asked for is absent, `target` is silence and nothing is said."""

    mixture: Tensor  # (R, T)
    target: Tensor  # (R, T) the voice alone
    speaker: Tensor  # (R, D)
    tokens: Tensor  # (R, N) start, words, end: for plain Whisper
    labels: Tensor  # (R, N) what each is to be followed by; `IGNORED` where that is left open
    followed: Tensor  # (R, N) bool: where plain Whisper on the voice alone is followed
    frames: Tensor  # () of the context

    def to(self, device: torch.device) -> "PromptBatch":
        return PromptBatch(*(part.to(device, non_blocking=True) for part in self))


class PromptMixtures(torch.utils.data.Dataset[PromptBatch]):
    """Batch n of a process; any n at any time. Every mixture is asked for two voices.

    Args:
        size: mixtures a batch.
        whole: share of batches in 30 s of context rather than 10.
        cut: share of the others in a context that ends a second after the audio: it costs less.
        timed: share of rows with timestamps.
    """

    def __init__(
        self,
        mixer: PromptMixer,
        script: Script,
        size: int,
        rank: int = 0,
        processes: int = 1,
        *,
        whole: float = 0.0,
        cut: float = 0.0,
        timed: float = 0.4,
    ) -> None:
        self.mixer = mixer
        self._script = script
        self._size = size
        self._rank, self._processes = rank, processes
        self._whole, self._cut, self._timed = whole, cut, timed

    def __getitem__(self, number: int) -> PromptBatch:
        first = (number * self._processes + self._rank) * self._size
        examples = [self.mixer.asked(first + i) for i in range(self._size)]
        rng = np.random.default_rng([number, self._rank, 11])
        rows = [
            self._script.row(words, timestamps=bool(rng.random() < self._timed))
            for example in examples
            for words in example.words
        ]
        longest = max(len(row.tokens) for row in rows)
        frames = FRAMES if rng.random() < self._whole else CONTEXT
        if frames == CONTEXT and rng.random() < self._cut:
            frames = min(frames, examples[0].mixture.size // HOP + SILENCE)
        tensors = (
            np.repeat(np.stack([example.mixture for example in examples]), 2, axis=0),
            np.concatenate([example.targets for example in examples]),
            np.concatenate([example.cues for example in examples]),
            _padded([row.tokens for row in rows], longest, self._script.eot),
            _padded([row.labels for row in rows], longest, IGNORED),
            _padded([row.followed for row in rows], longest, False),
            np.array(frames),
        )
        return PromptBatch(*map(torch.from_numpy, map(np.ascontiguousarray, tensors)))


def _padded(rows: Sequence[Sequence[int]], length: int, filler: int) -> NDArray[Any]:
    return np.array([[*row, *[filler] * (length - len(row))] for row in rows])


class Parts(NamedTuple):
    """The parts of the loss, each a mean."""

    followed: Tensor  # divergence from plain Whisper on the voice alone, nats a token
    said: Tensor  # cross-entropy of the words, and of saying nothing
    heard: Tensor  # distance of what the encoder gives from that of the voice alone; 1 is far


class PromptObjective(nn.Module):
    """The loss of a batch: the prompted network on the mixture follows the plain one on the voice.

    Args:
        weights: of the three parts.
        front: what mixtures go through before they are heard, if anything.
    """

    def __init__(
        self,
        net: TargetSpeakerWhisper,
        teacher: Whisper,
        opening: int,
        times: int,
        weights: tuple[float, float, float] = (1.0, 0.5, 1.0),
        front: Callable[[PromptBatch], PromptBatch] | None = None,
    ) -> None:
        """`opening` is the token that stands in front of the text, and in the prompts' places;
        `times` the first of the tokens for times.
        """
        super().__init__()
        self.net = net
        self.log_mel = LogMel()
        self._teacher = [teacher]  # no part of this module: it neither learns nor is distributed
        self._opening = opening
        self._times = times
        self._weights = weights
        self._front = front

    def forward(self, batch: PromptBatch) -> Tensor:
        parts = self.parts(self.through(batch))
        return torch.stack([w * part for w, part in zip(self._weights, parts, strict=True)]).sum()

    def parts(self, batch: PromptBatch, net: TargetSpeakerWhisper | None = None) -> Parts:
        """What `forward` adds up; of another network, if given. Give it what `through` gave."""
        net = net or self.net
        encoded = self._encoded(batch, net)
        logits = self._said(batch, net, encoded)
        said = functional.cross_entropy(
            logits.flatten(0, 1), batch.labels.flatten(), ignore_index=IGNORED
        )
        wanted, hidden = self.follow(batch)
        chosen = batch.followed
        divergence = functional.kl_div(
            logits[chosen].log_softmax(-1), wanted[chosen].log_softmax(-1),
            reduction="batchmean", log_target=True,
        )  # fmt: skip
        first, count = net.lead // FRAMES_A_POSITION, batch.mixture.shape[1] // GRAIN
        found, hidden = (
            x[:, first : first + count].float() for x in (encoded.hidden, hidden)
        )  # where there is audio
        return Parts(divergence, said, (found - hidden).square().mean() / hidden.var())

    def through(self, batch: PromptBatch) -> PromptBatch:
        """A batch as it is heard: behind what is in front of Whisper."""
        return self._front(batch) if self._front else batch

    def answers(self, batch: PromptBatch, net: TargetSpeakerWhisper) -> Tensor:
        """(R, N, V) what `net` says after each token."""
        return self._said(batch, net, self._encoded(batch, net))

    @torch.no_grad()
    def plain(self, audio: Tensor, tokens: Tensor, frames: int) -> Tensor:
        """(R, N, V) what plain Whisper says after each token of (R, T) audio."""
        mel = self.mel(audio)
        encoded = self._teacher[0].encode(functional.pad(mel, (0, frames - mel.shape[-1])))
        return self._written(tokens, encoded)

    def mel(self, audio: Tensor) -> Tensor:
        """(R, T) samples as Whisper hears them: (R, 80, T / 160)."""
        with torch.autocast(audio.device.type, enabled=False):
            mel: Tensor = self.log_mel(audio)
        return mel

    def _encoded(self, batch: PromptBatch, net: TargetSpeakerWhisper) -> Encoding:
        frames = min(FRAMES, int(batch.frames) + net.lead)
        return net.encode(self.mel(batch.mixture), batch.speaker, frames)

    def _said(self, batch: PromptBatch, net: TargetSpeakerWhisper, encoded: Encoding) -> Tensor:
        opening = batch.tokens.new_full((len(batch.tokens), 1 + net.prompts.length), self._opening)
        tokens = torch.cat([opening, batch.tokens], dim=1)
        return net.logits(tokens, encoded, batch.speaker)[:, opening.shape[1] :].float()

    def _written(self, tokens: Tensor, encoded: Encoding) -> Tensor:
        teacher = self._teacher[0]
        cross = (encoded.cross_k, encoded.cross_v)
        logits: Tensor = teacher.decoder(tokens, teacher.empty_cache(len(tokens)), *cross).logits
        return logits.float()

    @torch.no_grad()
    def follow(self, batch: PromptBatch) -> tuple[Tensor, Tensor]:
        """What plain Whisper says of the voices alone, and its hidden states.

        Positions are part of what the encoder gives: it hears at those that prompts leave. So
        its times are late by as much, and are given as if they were not.
        """
        frames, lead = int(batch.frames), self.net.lead
        mel = self.mel(batch.target)
        moved = functional.pad(mel, (lead, frames - mel.shape[-1]))[..., :FRAMES]
        encoded = self._teacher[0].encode(moved)
        late = lead // FRAMES_A_POSITION  # times are written in positions
        tokens = batch.tokens + late * batch.tokens.ge(self._times)
        words, times = self._written(tokens, encoded).tensor_split([self._times], dim=-1)
        begin = times[..., : 1 + late].logsumexp(-1, keepdim=True)  # before the audio is its begin
        logits = torch.cat([words, begin, times[..., 1 + late :]], dim=-1)
        return functional.pad(logits, (0, late), value=NEVER), encoded.hidden
