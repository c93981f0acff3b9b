"""Distil the generative voice model: a student of it that draws in one step."""

import copy
from pathlib import Path

import torch
from torch import Tensor, nn

from ..flow import LATEST, matching_loss
from ..gentse import GenTSE
from .gentse import GenConfig, GenCourse, GenTrainer
from .gentse_batches import GenBatch, conditions
from .runner import Place


class StraightObjective(nn.Module):
    """Rectified flow, distilled: from each noise straight to where the teacher's steps end.

    Half of the times are 0, where a student that draws in one step stands.

    Source: Liu et al., arXiv:2209.03003.
    """

    def __init__(self, net: GenTSE, teacher: GenTSE, steps: int, guidance: float) -> None:
        super().__init__()
        self.flow = net.flow
        self._teacher = [teacher]  # no part of it: it does not learn
        self._steps, self._guidance = steps, guidance

    def forward(self, batch: GenBatch) -> Tensor:
        teacher = self._teacher[0]
        with torch.no_grad():
            hidden = teacher.encode(batch.mixture, batch.speaker, batch.enrolment)
            condition, wanted = conditions(teacher, batch, hidden)
            noise = torch.randn_like(wanted)
            end = teacher.draw(condition, batch.speaker, noise, self._steps, self._guidance)
            end = end.float()
        time = LATEST * (2 * torch.rand(len(noise), device=noise.device) - 1).clamp(min=0)
        about = teacher.standard(batch.speaker)

        def velocity(x: Tensor, t: Tensor) -> Tensor:
            moved: Tensor = self.flow(x, t, condition, about)
            return moved.float()

        return matching_loss(velocity, end, noise, time)


class StudentTrainer(GenTrainer):
    """Only the flow learns; what hears the mixture stays the teacher's."""

    steps = 1

    def __init__(
        self,
        config: GenConfig,
        teacher: GenTSE,
        course: GenCourse,
        folder: Path,
        place: Place,
        *,
        teacher_steps: int,
        guidance: float,
    ) -> None:
        teacher = teacher.to(place.device).requires_grad_(False).eval()
        net = copy.deepcopy(teacher)
        net.flow.requires_grad_(True)
        objective = StraightObjective(net, teacher, teacher_steps, guidance)
        super().__init__(config, net, course, folder, place, objective)
