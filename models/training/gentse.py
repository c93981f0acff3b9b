"""Train the generative voice model.

The log has, of held-out voices: `mel`, the mean distance in nats of the mel frames that are
drawn in 4 steps (a student's: in 1) from those of the voice, beside `mel_mixture`, that of the
mixture's own; `flow`, the loss of the flow; `said`, nats a token of the words.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..flow import LATEST, matching_loss
from ..gentse import GenDims, GenTSE, levels
from ..gentse_files import content_of
from ..vocoder_mel import SHORT
from ..whisper import Whisper
from .config import RunConfig, Schedule
from .corpus import Corpus
from .gentse_batches import GenBatch, GenMixtures, GenObjective, conditions, words_loss
from .prompt_mixing import PromptMixer, PromptRecipe
from .prompts import HELD_OUT
from .runner import Place, Runner
from .voices import Voices
from .words import Script, Word

SMALL = GenDims(mel=SHORT, width=128, layers=4)
"""For a CPU: 1.3 million parameters in the flow, frames of 10 ms."""

FULL = GenDims(width=512, layers=8, heads=8)
"""25 million in the flow, frames of the public vocoders."""

SIZES = {"small": SMALL, "public": FULL}

ROWS = 4  # mixtures of a held-out batch
STEPS = 4


@dataclass(frozen=True, kw_only=True)
class GenConfig(RunConfig):
    """One run.

    Attributes:
        text: weight of the words; 0 leaves the text branch out.
        dropped: share of rows without condition, for guidance.
        draws: of noise for each row.
        enrolled: share of rows with enrolment audio.
        examples: learn only so many mixtures, by heart; they are also those of the checks.
    """

    schedule: Schedule = field(default_factory=lambda: Schedule(rate=5e-4, batch=4, clip=1.0))
    check_cases: int = 16
    text: float = 0.1
    dropped: float = 0.1
    draws: int = 4
    enrolled: float = 0.5
    examples: int = 0

    def __post_init__(self) -> None:
        shares = (self.dropped, self.enrolled)
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError(f"wanted shares of rows from 0 to 1, found {shares}")
        if not (0 <= self.text < math.inf and self.draws >= 1 and self.examples >= 0):
            raise ValueError(
                "wanted a weight of the words of 0 or more, a draw or more, and no fewer than 0 "
                f"examples, found {self.text}, {self.draws} and {self.examples}"
            )


class GenCourse(NamedTuple):
    """What is learned from, and what checkpoints are chosen on."""

    train: PromptMixer
    voices: Voices
    held_out: PromptMixer
    held_out_voices: Voices
    script: Script


def gen_course(
    corpus: Corpus,
    words: Mapping[int, tuple[Word, ...]],
    script: Script,
    recipe: PromptRecipe,
    seed: int,
) -> GenCourse:
    """Mixtures of voices whose words are known; checkpoints are chosen on held-out voices."""
    easy = replace(recipe.mixing, guises=False, noise=0.0, room=0.0, channel=0.0, ramp=0)
    held_out = replace(HELD_OUT, lengths=recipe.lengths, absent=0.0, mixing=easy)
    return GenCourse(
        PromptMixer(corpus.voices, corpus.around, words, recipe, seed),
        corpus.voices,
        PromptMixer(corpus.held_out, corpus.around, words, held_out, seed=1),
        corpus.held_out,
        script,
    )


class GenTrainer(Runner[GenBatch]):
    """Run, save, resume; best.pt, in fp16, is what `gentse.load` reads."""

    config: GenConfig
    net: GenTSE
    average: GenTSE
    steps = STEPS  # of what is measured

    def __init__(
        self,
        config: GenConfig,
        net: GenTSE,
        course: GenCourse,
        folder: Path,
        place: Place,
        objective: nn.Module | None = None,
    ) -> None:
        """`net` begins as it is; its scales are set by `fit_scales`."""
        self._course = course
        mixtures = self._mixtures(config, net.dims, place)
        objective = objective or GenObjective(
            net, text=config.text, dropped=config.dropped, draws=config.draws
        )
        super().__init__(config, net.to(place.device), objective, mixtures, folder, place)
        checks = self._checked(config, net.dims)
        count = config.check_cases // ROWS if place.rank == 0 else 0
        self._checks = [checks[number].to(place.device) for number in range(count)]

    def _mixtures(self, config: GenConfig, dims: GenDims, place: Place) -> GenMixtures:
        return GenMixtures(
            self._course.train, self._course.voices, self._course.script,
            dims.mel.rate, config.schedule.batch, (place.rank, place.processes),
            positions=dims.enrolment, enrolled=config.enrolled, examples=config.examples,
        )  # fmt: skip

    def _checked(self, config: GenConfig, dims: GenDims) -> GenMixtures:
        course = self._course
        pair = (course.held_out, course.held_out_voices)
        if config.examples:
            pair = (course.train, course.voices)
        return GenMixtures(
            *pair, course.script, dims.mel.rate, ROWS,
            positions=dims.enrolment, enrolled=config.enrolled, examples=config.examples,
        )  # fmt: skip

    def learn(self, batch: GenBatch) -> Tensor:
        # Noise depends on the step alone, so a run that was stopped goes on alike.
        torch.manual_seed(self.config.seed + 1_000_003 * self.step + self.place.rank)
        return super().learn(batch)

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """See the head of this file."""
        torch.manual_seed(0)
        figures = [self._measured(batch) for batch in self._checks]
        return {name: sum(f[name] for f in figures) / len(figures) for name in figures[0]}

    def _measured(self, batch: GenBatch) -> dict[str, float]:
        net = self.average
        hidden = net.encode(batch.mixture, batch.speaker, batch.enrolment)
        condition, wanted = conditions(net, batch, hidden)
        noise = torch.randn_like(wanted)
        drawn = net.draw(condition, batch.speaker, noise, self.steps)
        mixture = net.mel(batch.heard)
        heard = net.relative(mixture, levels(mixture, net.dims.mel))
        velocity = partial(net.flow, condition=condition, speaker=net.standard(batch.speaker))
        time = torch.linspace(0.05, LATEST, len(noise), device=noise.device)
        there = batch.target.abs().amax(-1) > 0
        scale = float(net.mel_scale)
        return {
            "mel": scale * (drawn - wanted)[there].abs().mean().item(),
            "mel_mixture": scale * (heard - wanted)[there].abs().mean().item(),
            "flow": matching_loss(velocity, wanted, noise, time).item(),
            "said": words_loss(net, batch, hidden).item(),
        }

    def score(self, figures: dict[str, float]) -> float:
        return -figures["mel"]

    def kept(self, figures: dict[str, Any]) -> dict[str, Any]:
        content = content_of(self.average)
        halves = {name: part.half() for name, part in content["weights"].items()}
        return {**content, "weights": halves, "figures": figures}


def begin(dims: GenDims, whisper: Whisper, course: GenCourse, seed: int) -> GenTSE:
    """A new model that knows the scales of embeddings and mel frames."""
    torch.manual_seed(seed)
    net = GenTSE(dims, whisper)
    cues = torch.cat([torch.from_numpy(cue).flatten(0, -2) for cue in course.voices.cues])
    net.speaker_mean.copy_(cues.mean(0))
    net.speaker_scale.copy_(cues.std(0).clamp(min=1e-3))
    some = GenMixtures(
        course.held_out, course.held_out_voices, course.script, dims.mel.rate, 8,
        positions=dims.enrolment, enrolled=0.0,
    )[0]  # fmt: skip
    level = levels(net.mel(some.heard), dims.mel)
    drawn = net.relative(net.mel(some.target), level)
    net.mel_mean.copy_(drawn.mean())
    net.mel_scale.copy_(drawn.std())
    return net
