"""Train one network: on one CPU or GPU, or on several through torchrun.

Every process mixes its own examples (number = step * processes + rank), so a run with the
same seed and the same number of processes sees the same mixtures. Weights averaged over
steps are what is evaluated and kept.
"""

import copy
import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ..compact import CompactExtractor
from ..losses import si_sdr
from ..spectra import Spectra, extract
from . import checkpoint
from .batches import Batch, Mixtures, Objective
from .config import TrainConfig
from .course import Course

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


class Trainer:
    """Run, save, resume.

    Writes into its folder: last.pt (everything, to resume from), best.pt (dims and averaged
    weights), log.jsonl (one line a check).
    """

    def __init__(self, config: TrainConfig, course: Course, folder: Path, place: Place) -> None:
        torch.manual_seed(config.seed)
        self.config = config
        self.folder = folder
        self._rate = course.rate
        self.place = place
        self.step = 0
        self.stopping = False  # set by a signal handler: save and end after this step
        self.elapsed = 0.0  # seconds of training, all sessions together
        self.best = -math.inf
        self.net = CompactExtractor(config.dims).to(place.device)
        self.net.condition.fit(torch.from_numpy(course.cues).to(place.device))
        self.average = copy.deepcopy(self.net).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(
            self.net.parameters(), lr=config.schedule.rate, betas=(0.9, 0.98), weight_decay=0.01
        )
        size = config.schedule.batch
        self.mixtures = Mixtures(course.train, size, place.rank, place.processes)
        self._checks = [
            Mixtures(course.held_out, 4)[number].to(place.device)
            for number in range(config.check_cases // 4 if place.rank == 0 else 0)
        ]
        self._objective = self._distributed(Objective(self.net, course.rate).to(place.device))

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
            self._check(losses)
            self.save()

    def resume(self) -> bool:
        """Go on from last.pt, if there is one."""
        file = self.folder / "last.pt"
        if not file.exists():
            return False
        content = checkpoint.load(file, self.place.device)
        self.net.load_state_dict(content["net"])
        self.average.load_state_dict(content["average"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.step, self.elapsed = content["step"], content["elapsed"]
        self.best = content["best"]
        return True

    def warm_start(self, file: Path) -> None:
        """Begin with the weights of another run's best.pt."""
        weights = checkpoint.load(file, self.place.device)["weights"]
        self.net.load_state_dict(weights)
        self.average.load_state_dict(weights)

    def save(self) -> None:
        """Write everything that resuming needs."""
        content = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "elapsed": self.elapsed,
            "best": self.best,
        }
        checkpoint.save(self.folder / "last.pt", content)

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """SI-SDR improvement on held-out targets, and what is let through of absent ones."""
        spectra = Spectra(self.config.dims, self._rate).to(self.place.device)
        gains, leaks = [], []
        for mixture, targets, cues in self._checks:
            estimate = extract(self.average, spectra, mixture, cues)
            target = targets[..., : estimate.shape[-1]]
            mixed = mixture[:, None, : estimate.shape[-1]].expand_as(target)
            present = target.square().sum(-1) > 0
            gains.append((si_sdr(estimate, target) - si_sdr(mixed, target))[present])
            share = estimate.square().sum(-1) / mixed.square().sum(-1)
            leaks.append(10 * torch.log10(share + 1e-9)[~present])
        gain, leak = torch.cat(gains), torch.cat(leaks)
        return {
            "gain_db": gain.mean().item(),
            "worse": (gain < 0).float().mean().item(),
            "leak_db": leak.mean().item(),
        }

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

    def learn(self, batch: Batch) -> Tensor:
        """Take one step; returns the loss before it."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        with torch.autocast(self.place.device.type, torch.bfloat16, enabled=self.config.bf16):
            loss: Tensor = self._objective(batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), self.config.schedule.clip)
        self.optimizer.step()
        self.step += 1
        self._follow()
        return loss.detach()

    @torch.no_grad()
    def _follow(self) -> None:
        """Let the averaged weights follow, faster at the start."""
        share = 1 - min(self.config.schedule.average, (1 + self.step) / (10 + self.step))
        for mean, newest in zip(self.average.parameters(), self.net.parameters(), strict=True):
            mean.lerp_(newest, share)

    def progress(self) -> float:
        """How much of the schedule is done, 0 to 1."""
        schedule = self.config.schedule
        return min(1.0, max(self.step / schedule.steps, self.elapsed / 60 / schedule.minutes))

    def rate(self) -> float:
        """The learning rate of the next step: up in a line, down in a cosine."""
        schedule = self.config.schedule
        fall = schedule.floor + (1 - schedule.floor) * (1 + math.cos(math.pi * self.progress())) / 2
        return schedule.rate * fall * min(1.0, (self.step + 1) / schedule.warmup)

    def _ended(self) -> bool:
        """Whether to stop; processes that were given different answers would wait for ever."""
        ends = self.stopping or self.progress() >= 1.0
        if self.place.processes == 1:
            return ends
        ended = torch.tensor(float(ends), device=self.place.device)
        torch.distributed.broadcast(ended, 0)
        return bool(ended)

    def _check(self, losses: list[Tensor]) -> None:
        figures = {
            "step": self.step,
            "minutes": self.elapsed / 60,
            "rate": self.rate(),
            "loss": torch.stack(losses).mean().item() if losses else math.nan,
            **self.measure(),
        }
        losses.clear()
        log.info("%s", " ".join(f"{name} {value:.4g}" for name, value in figures.items()))
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "log.jsonl", "a") as file:
            file.write(json.dumps(figures) + "\n")
        # A decibel less of what is absent is worth a fifth of one more of what is there.
        score = figures["gain_db"] - 0.2 * max(-20.0, figures["leak_db"])
        if score > self.best:
            self.best = score
            self._keep(figures)

    def _keep(self, figures: dict[str, Any]) -> None:
        content = {
            "dims": asdict(self.config.dims),
            "weights": self.average.state_dict(),
            "figures": figures,
        }
        checkpoint.save(self.folder / "best.pt", content)

    def _distributed(self, objective: Objective) -> nn.Module:
        module: nn.Module = objective
        if self.config.compile:
            module = torch.compile(module)  # type: ignore[assignment]
        if self.place.processes > 1:
            cuda = self.place.device.type == "cuda"
            module = DistributedDataParallel(
                module, device_ids=[self.place.device] if cuda else None
            )
        return module
