"""A training run: on one CPU or GPU, or on several through torchrun; saved, resumed, measured.

Every process mixes its own examples (number = step * processes + rank), so a run with the
same seed and the same number of processes sees the same mixtures. Weights averaged over
steps are what is evaluated and kept; what is frozen is neither averaged nor saved.
"""

import copy
import json
import logging
import math
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from . import checkpoint
from .config import RunConfig

log = logging.getLogger(__name__)


class Place(NamedTuple):
    """Where this process runs, and among how many."""

    device: torch.device
    rank: int
    processes: int

    @classmethod
    def find(cls) -> "Place":
        """Take a GPU if there is one; join the other processes if torchrun started us."""
        cuda = torch.cuda.is_available()
        torch.set_float32_matmul_precision("high")  # TF32, where there is such
        processes = int(os.environ.get("WORLD_SIZE", "1"))
        if processes == 1:
            return cls(torch.device("cuda" if cuda else "cpu"), 0, 1)
        torch.distributed.init_process_group("nccl" if cuda else "gloo")
        local = int(os.environ["LOCAL_RANK"])
        device = torch.device("cuda", local) if cuda else torch.device("cpu")
        return cls(device, torch.distributed.get_rank(), processes)


class Movable(Protocol):
    """A batch."""

    def to(self, device: torch.device) -> Self: ...


Batch = TypeVar("Batch", bound=Movable)


class Runner(ABC, Generic[Batch]):
    """Run, save, resume.

    Writes into its folder: last.pt (everything, to resume from), best.pt (what `kept` says), and
    log.jsonl (one line a check).
    """

    def __init__(
        self,
        config: RunConfig,
        net: nn.Module,
        objective: nn.Module,
        mixtures: "torch.utils.data.Dataset[Batch]",
        folder: Path,
        place: Place,
    ) -> None:
        """`objective` gives the loss of a batch; it holds `net`, whose unfrozen part learns."""
        self.config = config
        self.folder = folder
        self.place = place
        self.step = 0
        self.stopping = False  # set by a signal handler: save and end after this step
        self.elapsed = 0.0  # seconds of training, all sessions together
        self.best = -math.inf
        self.net = net
        self.mixtures = mixtures
        self._frozen = {name for name, part in net.named_parameters() if not part.requires_grad}
        self.average = copy.deepcopy(net).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(
            [part for part in net.parameters() if part.requires_grad],
            lr=config.schedule.rate, betas=(0.9, 0.98), weight_decay=0.01,
        )  # fmt: skip
        self._objective = self._distributed(objective.to(place.device))

    @abstractmethod
    def measure(self) -> dict[str, float]:
        """Say how good the averaged weights are."""

    @abstractmethod
    def score(self, figures: dict[str, float]) -> float:
        """One number of `measure`'s, the higher the better."""

    def scoring(self) -> float:
        """What `score` weighs by, if runs differ in that: best.pt is the best by one measure."""
        return 0.0

    @abstractmethod
    def kept(self, figures: dict[str, Any]) -> dict[str, Any]:
        """What best.pt holds."""

    def run(self, watch: Callable[[float], None] = lambda _: None) -> None:
        """Train to the end of the schedule, or until `stopping` is set; save at the end.

        `watch` is told the progress, 0 to 1, after every step.
        """
        losses: list[Tensor] = []  # left where they are: reading one would wait for the GPU
        checked = saved = began = time.monotonic()
        before = self.elapsed
        for batch in self._batches():
            losses.append(self.learn(batch.to(self.place.device)))
            now = time.monotonic()
            self.elapsed = before + now - began
            watch(self.progress())
            if self.place.rank == 0 and now - checked > self.config.check_s:
                checked = now
                self._check(losses)
            if self.place.rank == 0 and now - saved > self.config.save_s:
                saved = now
                self.save()
            if self._ended():
                break
        if self.place.rank == 0:
            self.save()  # first: who stopped us may not wait
            self._check(losses, ending=1.0)
            self.save()

    def resume(self) -> bool:
        """Go on from last.pt, if there is one."""
        file = self.folder / "last.pt"
        if not file.exists():
            return False
        content = checkpoint.load(file, self.place.device)
        self.net.load_state_dict(content["net"], strict=not self._frozen)
        self.average.load_state_dict(content["average"], strict=not self._frozen)
        self.optimizer.load_state_dict(content["optimizer"])
        self.step, self.elapsed = content["step"], content["elapsed"]
        if content.get("scoring", 0.0) == self.scoring():
            self.best = content["best"]
        else:
            log.info("scored in another way than before: the next check is the best so far")
        return True

    def save(self) -> None:
        """Write everything that resuming needs."""
        content = {
            "net": self._learned(self.net),
            "average": self._learned(self.average),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "elapsed": self.elapsed,
            "best": self.best,
            "scoring": self.scoring(),
        }
        checkpoint.save(self.folder / "last.pt", content)

    def learn(self, batch: Batch) -> Tensor:
        """Take one step; returns the loss before it."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        with torch.autocast(self.place.device.type, torch.bfloat16, enabled=self.config.bf16):
            loss: Tensor = self._objective(batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        learning = [part for part in self.net.parameters() if part.requires_grad]
        nn.utils.clip_grad_norm_(learning, self.config.schedule.clip)
        self.optimizer.step()
        self.step += 1
        self._follow()
        return loss.detach()

    def progress(self) -> float:
        """How much of the schedule is done, 0 to 1."""
        schedule = self.config.schedule
        return min(1.0, max(self.step / schedule.steps, self.elapsed / 60 / schedule.minutes))

    def rate(self) -> float:
        """The learning rate of the next step: up in a line, down in a cosine."""
        schedule = self.config.schedule
        fall = schedule.floor + (1 - schedule.floor) * (1 + math.cos(math.pi * self.progress())) / 2
        return schedule.rate * fall * min(1.0, (self.step + 1) / schedule.warmup)

    def _learned(self, net: nn.Module) -> dict[str, Tensor]:
        return {name: part for name, part in net.state_dict().items() if name not in self._frozen}

    def _batches(self) -> Iterator[Batch]:
        return iter(
            torch.utils.data.DataLoader(
                self.mixtures,
                batch_size=None,
                sampler=range(self.step, self.config.schedule.steps),
                num_workers=self.config.workers,
                pin_memory=self.place.device.type == "cuda",
                prefetch_factor=4 if self.config.workers else None,
            )
        )

    @torch.no_grad()
    def _follow(self) -> None:
        """Let the averaged weights follow, faster at the start."""
        share = 1 - min(self.config.schedule.average, (1 + self.step) / (10 + self.step))
        for mean, newest in zip(self.average.parameters(), self.net.parameters(), strict=True):
            if newest.requires_grad:
                mean.lerp_(newest, share)

    def _ended(self) -> bool:
        """Whether to stop; processes that were given different answers would wait for ever."""
        return bool(self._agreed(self.stopping or self.progress() >= 1.0))

    def _agreed(self, number: float) -> float:
        """What the first process says, in all of them; all must ask."""
        if self.place.processes == 1:
            return number
        told = torch.tensor(float(number), device=self.place.device)
        torch.distributed.broadcast(told, 0)
        return told.item()

    def _check(self, losses: list[Tensor], **marks: float) -> None:
        figures = {
            "step": self.step,
            "minutes": self.elapsed / 60,
            "rate": self.rate(),
            "loss": torch.stack(losses).mean().item() if losses else math.nan,
            **self.measure(),
            **marks,
        }
        losses.clear()
        log.info("%s", " ".join(f"{name} {value:.4g}" for name, value in figures.items()))
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "log.jsonl", "a") as file:
            file.write(json.dumps(figures) + "\n")
        score = self.score(figures)
        if score > self.best:
            self.best = score
            checkpoint.save(self.folder / "best.pt", self.kept(figures))

    def _distributed(self, objective: nn.Module) -> nn.Module:
        module: nn.Module = objective
        if self.config.compile:
            module = cast(nn.Module, torch.compile(module))
        if self.place.processes > 1:
            cuda = self.place.device.type == "cuda"
            module = DistributedDataParallel(
                module, device_ids=[self.place.device] if cuda else None
            )
        return module
