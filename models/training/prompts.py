"""Train the prompts of a Whisper, which stays as it is.

The log has, of held-out voices: `said`, the cross-entropy of their words in mixtures, beside that
of plain Whisper on the mixture and on the voice alone; `right`, the share of their tokens that
come first; `none`, how likely silence is said to be where the voice asked for is absent, and
`some` where it is there. Behind an extractor a "mixture" is what it keeps of one.
"""

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..ts_whisper import Prompts, TargetSpeakerWhisper, prompts_of, read_prompts
from ..whisper import Whisper
from .config import RunConfig
from .corpus import Corpus
from .prompt_batches import CONTEXT, PromptBatch, PromptMixtures, PromptObjective
from .prompt_extracting import Extracting
from .prompt_mixing import PromptMixer, PromptRecipe
from .prompt_start import begin_as, begin_plainly
from .runner import Place, Runner
from .words import IGNORED, Script, Word

ROWS = 4  # mixtures of a held-out batch
HELD_OUT = PromptRecipe(lengths=(6.0,), alone=0.0, third=0.0, absent=0.3)


@dataclass(frozen=True, kw_only=True)
class PromptConfig(RunConfig):
    """One run.

    Attributes:
        length: soft prompts a layer and side.
        lora: rank of LoRA in all queries and values, instead of soft prompts; 0 is none.
        whole, cut: shares of batches in 30 s of context rather than 10, and in less.
        weights: of following plain Whisper, of the words, and of what the encoder gives.
    """

    check_cases: int = 16
    length: int = 16
    lora: int = 0
    whole: float = 0.0
    cut: float = 0.5
    weights: tuple[float, float, float] = (1.0, 0.5, 1.0)


class PromptCourse(NamedTuple):
    """What prompts learn from, and what checkpoints are chosen on."""

    train: PromptMixer
    held_out: PromptMixer
    script: Script


def prompt_course(
    corpus: Corpus,
    words: Mapping[int, tuple[Word, ...]],
    script: Script,
    recipe: PromptRecipe,
    seed: int,
) -> PromptCourse:
    """Mixtures of voices whose words are known; checkpoints are chosen on held-out voices."""
    easy = replace(recipe.mixing, guises=False, noise=0.0, room=0.0, channel=0.0, ramp=0)
    held_out = replace(HELD_OUT, mixing=easy)
    return PromptCourse(
        PromptMixer(corpus.voices, corpus.around, words, recipe, seed),
        PromptMixer(corpus.held_out, corpus.around, words, held_out, seed=1),
        script,
    )


class PromptTrainer(Runner[PromptBatch]):
    """Run, save, resume; best.pt holds settled prompts, which `ts_whisper.load` reads."""

    config: PromptConfig
    net: TargetSpeakerWhisper
    average: TargetSpeakerWhisper

    def __init__(
        self,
        config: PromptConfig,
        whisper: Whisper,
        course: PromptCourse,
        cues: Tensor,
        folder: Path,
        place: Place,
        front: Extracting | None = None,
    ) -> None:
        """`cues` (N, D) are such as the network will be asked with; they tell it their scale."""
        torch.manual_seed(config.seed)
        teacher = copy.deepcopy(whisper).to(place.device) if config.lora else whisper
        net = student(whisper, cues, config).to(place.device)
        size = config.schedule.batch
        mixtures = PromptMixtures(
            course.train, course.script, size, place.rank, place.processes,
            whole=config.whole, cut=config.cut,
        )  # fmt: skip
        self._front = front
        self._parts = PromptObjective(
            net, teacher, course.script.previous, course.script.times, config.weights, front
        )
        self._parts.to(place.device)
        teacher.to(place.device)  # no part of it
        self._begin(net, self._parts.through(mixtures[0].to(place.device)), course)
        super().__init__(config, net, self._parts, mixtures, folder, place)
        self._script = course.script
        held_out = PromptMixtures(course.held_out, course.script, ROWS, timed=0.0)
        self._checks = [
            self._parts.through(held_out[number].to(place.device))
            for number in range(config.check_cases // ROWS if place.rank == 0 else 0)
        ]
        self._ends = self._plain() if self._checks else {}

    def _begin(self, net: TargetSpeakerWhisper, batch: PromptBatch, course: PromptCourse) -> None:
        mel = self._parts.mel(batch.mixture)
        mel = nn.functional.pad(mel, (0, CONTEXT - mel.shape[-1]))
        texts = course.train.texts(len(mel))
        rows = [course.script.context(words, net.prompts.length) for words in texts]
        begin_plainly(net, mel, torch.tensor(rows, device=mel.device))

    def warm_start(self, file: Path) -> None:
        """Begin with the prompts of another run's best.pt, or of a bundle.

        Raises: ValueError if they are for another Whisper, or of other sizes.
        """
        others = prompts_of(read_prompts(file), self.net.whisper.dims)
        for net in (self.net, self.average):
            begin_as(net.prompts, others.to(self.place.device))

    @property
    def trained(self) -> tuple[int, int]:
        """How many parameters learn, and how many there are."""
        parts = list(self.net.parameters())
        return sum(p.numel() for p in parts if p.requires_grad), sum(p.numel() for p in parts)

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """See the head of this file."""
        figures = [self._measured(batch) for batch in self._checks]
        means = {name: sum(f[name] for f in figures) / len(figures) for name in figures[0]}
        return means | self._ends

    def score(self, figures: dict[str, float]) -> float:
        """Words first; silence where the voice is absent, speech where it is there."""
        return 0.5 * (figures["none"] - figures["some"]) - figures["said"]

    def scoring(self) -> float:
        return self._front.checksum if self._front else 0.0

    def kept(self, figures: dict[str, Any]) -> dict[str, Any]:
        lora = {n: p for n, p in self.average.named_parameters() if "lora_" in n}
        about = {**asdict(self.config), "figures": figures, "extractor": self.scoring()}
        return {"weights": self.average.prompts.settled() | lora, "about": about}

    def _measured(self, batch: PromptBatch) -> dict[str, float]:
        net = self.average
        logits = self._parts.answers(batch, net)
        first = logits[:, 0].softmax(-1)[:, self._script.no_speech]
        absent = ~batch.followed.any(1)
        there = batch.labels.ne(IGNORED) & ~absent[:, None]
        right = (logits.argmax(-1) == batch.labels)[there].float().mean()
        said = nn.functional.cross_entropy(logits[there], batch.labels[there])
        return {
            "said": said.item(),
            "right": right.item(),
            "none": first[absent].mean().item() if absent.any() else 1.0,
            "some": first[~absent].mean().item(),
        }

    @torch.no_grad()
    def _plain(self) -> dict[str, float]:
        """What plain Whisper makes of what is heard of the held-out voices, and of them alone."""
        ends: dict[str, list[float]] = {"mixture": [], "alone": []}
        for batch in self._checks:
            there = batch.labels.ne(IGNORED) & batch.followed.any(1)[:, None]
            for name, audio in (("mixture", batch.mixture), ("alone", batch.target)):
                logits = self._parts.plain(audio, batch.tokens, CONTEXT)
                loss = nn.functional.cross_entropy(logits[there], batch.labels[there])
                ends[name].append(loss.item())
        return {f"said_{name}": sum(its) / len(its) for name, its in ends.items()}


def student(whisper: Whisper, cues: Tensor, config: PromptConfig) -> TargetSpeakerWhisper:
    """A Whisper that is told whom to listen to: by prompts, or by LoRA and the speaker alone."""
    length = 0 if config.lora else config.length
    prompts = Prompts(whisper.dims, length=length, speaker=cues.shape[1])
    prompts.fit(cues)
    net = TargetSpeakerWhisper(whisper, prompts)
    if config.lora:
        from peft import LoraConfig, inject_adapter_in_model

        adapters = LoraConfig(
            r=config.lora, lora_alpha=2 * config.lora, target_modules=["query", "value"]
        )
        adapted: Any = inject_adapter_in_model(adapters, whisper)
        net.whisper = adapted
    return net
