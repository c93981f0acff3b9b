"""Train the full sound model: as its paper does, or without paired text.

What is learned is the decoder, and in the encoder a low-rank change beside the frozen CLAP; a
reduced encoder, which nobody has trained before, is learned whole. The loss is
0.9 SNR + 0.1 SI-SNR.

Sources: Ma et al., arXiv:2402.17455; LoRA, Hu et al., arXiv:2106.09685; peft's layers.
"""

import copy
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..clap import Clap, HtsatDims
from ..clapsep import LORA_RANK, RATE, Dims, Fusion, Separator
from ..losses import leakage, sdr, si_sdr
from .batches import Batch, Mixtures
from .choices import Scheme as Scheme
from .clapsep_files import content_of
from .config import RunConfig, Schedule
from .course import Course
from .runner import Place, Runner
from .sound_mixing import HELD_OUT_RECIPE, SoundMixer, SoundRecipe
from .sounds import SoundCorpus

REDUCED = Dims(
    htsat=HtsatDims(channels=32, depths=(2, 2, 2), heads=(2, 4, 8), side=128),
    cue=128,
    mask_width=160,
    mask_layers=3,
    mask_heads=4,
    mask_dropout=0.0,  # nothing so small is overfitted, and on a CPU it is a sixth of a step
    seconds=2.5,
)
"""A quarter of the width, three stages, a quarter of the context; cues of the compact networks."""

_PLAIN = SoundRecipe(
    seconds=10.0, condition="paired", scatter=0.0, without_negative=0.25, without_positive=0.25,
    alone=0.0, third=0.0, absent=0.0, gap_db=5.0, noise=0.0, room=0.0, channel=0.0, speed=0.0,
    colour=0.0, ramp=0,
)  # fmt: skip
RECIPES: dict[Scheme, SoundRecipe] = {
    "paper": _PLAIN,  # on the line between the clip's own cue and that of its text
    "unpaired": replace(_PLAIN, condition="retrieved", scatter=0.4),
}


def separation_course(
    train: SoundCorpus, held_out: SoundCorpus, recipe: SoundRecipe, seed: int
) -> Course:
    """Mixtures of two sounds; whatever the scheme, checkpoints are chosen by words for kinds."""
    mixer = SoundMixer(train, recipe, seed)
    checks = replace(
        HELD_OUT_RECIPE, seconds=recipe.seconds, condition="label", absent=0.0, without_negative=0.5
    )
    return Course(
        rate=RATE,
        cues=mixer.cues(1),
        train=mixer,
        held_out=SoundMixer(held_out, checks, seed=1),
    )


@dataclass(frozen=True, kw_only=True)
class SeparatorConfig(RunConfig):
    """One run of the full model.

    Attributes:
        lora: rank, in every linear layer of the encoder's attention, whose biases learn too, as
            the authors' do; 0 learns the encoder whole.
        frozen: the encoder stays as it is; without LoRA.
        patience, fall: after so many checks without a better one the rate is multiplied.
        absent: weight of a decibel let through where a target is not there.
    """

    dims: Dims = field(default_factory=Dims)
    schedule: Schedule = field(default_factory=lambda: Schedule(rate=1e-4, batch=8))
    lora: int = LORA_RANK
    frozen: bool = False
    patience: int = 5
    fall: float = 0.3
    absent: float = 0.1


class SeparationObjective(nn.Module):
    """The loss of a batch."""

    def __init__(self, net: Separator, absent: float) -> None:
        super().__init__()
        self.net = net
        self._absent = absent

    def forward(self, batch: Batch) -> Tensor:
        estimate = self.net.extract(batch.mixture, F.normalize(batch.cues, dim=-1)).float()
        targets, mixture = batch.targets, batch.mixture[:, None].expand_as(batch.targets)
        ratio = 0.9 * sdr(estimate, targets, 1e-3) + 0.1 * si_sdr(estimate, targets, 1e-3)
        present = targets.square().sum(-1) > 0
        loss = torch.where(present, -ratio, self._absent * leakage(estimate, mixture, 1e-3))
        return loss.mean()


class SeparatorTrainer(Runner[Batch]):
    """Run, save, resume; best.pt holds dims and weights by the authors' names, LoRA merged."""

    config: SeparatorConfig
    net: Separator
    average: Separator
    mixtures: Mixtures

    def __init__(
        self,
        config: SeparatorConfig,
        course: Course,
        folder: Path,
        place: Place,
        clap: Clap | None = None,
    ) -> None:
        """`clap` is what the encoder begins as; without one it begins at random."""
        torch.manual_seed(config.seed)
        net = student(config, clap).to(place.device)
        size = config.schedule.batch
        mixtures = Mixtures(course.train, size, place.rank, place.processes)
        objective = SeparationObjective(net, config.absent)
        super().__init__(config, net, objective, mixtures, folder, place)
        self.average.eval()
        self._scores: list[float] = []  # of the first process, which alone measures
        self._falls = 0
        self._checks = [
            Mixtures(course.held_out, 4)[number].to(place.device)
            for number in range(config.check_cases // 4 if place.rank == 0 else 0)
        ]

    def resume(self) -> bool:
        """Go on from last.pt, with the rate that the checks until then led to.

        A check that was made because the run was stopped came too soon to count.
        """
        resumed, log = super().resume(), self.folder / "log.jsonl"
        if resumed and log.exists():
            rows = [json.loads(line) for line in log.read_text().splitlines()]
            counted = [row for row in rows if row["step"] <= self.step and "ending" not in row]
            self._scores = [self.score(row) for row in counted]
        return resumed

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """Improvements on held-out targets, SI-SDR and SDR."""
        gains, plain = [], []
        for mixture, targets, cues in self._checks:
            estimate = self.average.extract(mixture, F.normalize(cues, dim=-1))
            mixed = mixture[:, None].expand_as(targets)
            present = targets.square().sum(-1) > 0
            gains.append((si_sdr(estimate, targets) - si_sdr(mixed, targets))[present])
            plain.append((sdr(estimate, targets) - sdr(mixed, targets))[present])
        gain = torch.cat(gains)
        figures = {
            "gain_db": gain.mean().item(),
            "sdr_gain_db": torch.cat(plain).mean().item(),
            "worse": (gain < 0).float().mean().item(),
        }
        self._scores.append(self.score(figures))
        return figures

    def score(self, figures: dict[str, float]) -> float:
        return figures["gain_db"]

    def kept(self, figures: dict[str, Any]) -> dict[str, Any]:
        return content_of(without_lora(self.average), figures)

    def rate(self) -> float:
        """The learning rate of the next step: up in a line, then down at each plateau."""
        schedule = self.config.schedule
        warm = min(1.0, (self.step + 1) / schedule.warmup)
        return float(schedule.rate * warm * max(schedule.floor, self.config.fall**self._falls))

    def learn(self, batch: Batch) -> Tensor:
        # What dropout draws depends on the step alone, so a run that was stopped goes on alike.
        torch.manual_seed(self.config.seed + 1_000_003 * self.step + self.place.rank)
        self._falls = int(self._agreed(plateaus(self._scores, self.config.patience)))
        self.net.train()
        if self.config.lora or self.config.frozen:
            self.net.audio_branch.eval()  # its norms keep what CLAP was trained with
        return super().learn(batch)

    @torch.no_grad()
    def _follow(self) -> None:
        super()._follow()
        for mean, newest in zip(self.average.buffers(), self.net.buffers(), strict=True):
            mean.copy_(newest)


def plateaus(scores: list[float], patience: int) -> int:
    """How often `patience` checks in a row brought nothing better."""
    best, since, found = float("-inf"), 0, 0
    for score in scores:
        since = 0 if score > best else since + 1
        best = max(best, score)
        if since == patience:
            since, found = 0, found + 1
    return found


def student(config: SeparatorConfig, clap: Clap | None) -> Separator:
    """A separator whose decoder is random, and its encoder CLAP's where there is one."""
    from peft import LoraConfig, inject_adapter_in_model  # seconds, which only training waits for

    branch = copy.deepcopy(clap.htsat) if clap else None
    net = Separator(config.dims, branch)
    if clap is None:
        let_cues_count(net)
    net.audio_branch.requires_grad_(False)
    if config.frozen:
        return net
    if config.lora:
        lora = LoraConfig(
            r=config.lora,
            bias="lora_only",
            lora_alpha=1,  # as the authors': the change counts 1 / rank
            target_modules=r".*attention\.(self\.(query|key|value)|output\.dense)",
        )
        inject_adapter_in_model(lora, net.audio_branch.encoder)
    else:
        net.audio_branch.requires_grad_(True)
        net.audio_branch.encoder.norm.requires_grad_(False)  # after the features: nothing learns it
    return net


@torch.no_grad()
def let_cues_count(net: Separator) -> None:
    """Begin with FiLM that passes features on, and moves them by about half with the cue.

    Cues have length 1: behind usual weights they, and the features that they scale, are some
    hundredths, and nothing but the deepest features is heard for a long time.
    """
    for fusion in net.modules():
        if isinstance(fusion, Fusion):
            for side in fusion.skip_conv.values():
                assert isinstance(side, nn.Linear)
                side.weight.mul_(side.in_features**0.5)
                nn.init.zeros_(side.bias)
            nn.init.ones_(fusion.skip_conv["gamma"].get_parameter("bias"))


def without_lora(net: Separator) -> Separator:
    """A copy whose low-rank changes are added to the weights."""
    plain = Separator(net.dims)
    state = dict(net.state_dict())
    for name in [name for name in state if name.endswith(".lora_A.default.weight")]:
        module = name.removesuffix(".lora_A.default.weight")
        layer: Any = net.get_submodule(module)
        scale = layer.scaling["default"]
        change = state[f"{module}.lora_B.default.weight"] @ state.pop(name)
        state.pop(f"{module}.lora_B.default.weight")
        state[f"{module}.weight"] = state.pop(f"{module}.base_layer.weight") + scale * change
        state[f"{module}.bias"] = state.pop(f"{module}.base_layer.bias")
    plain.load_state_dict(state)
    return plain.eval()
