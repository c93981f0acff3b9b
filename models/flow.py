"""Conditional flow matching along straight paths: from noise to what is wanted in a few steps.

A network is taught the velocity with which noise moves to data in a straight line; sampling
follows what it learned, by Euler's method. The noise is the caller's, so that the same noise
gives the same sample whatever else is drawn.

Letters in shapes: B rows, F frames, M numbers a frame, C of the condition, W width.

Sources: Lipman et al., arXiv:2210.02747; Mehta et al. (Matcha-TTS), arXiv:2309.03199; adaptive
norms after Peebles and Xie, arXiv:2212.09748; rotary positions, Su et al., arXiv:2104.09864.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MASKED = -1e4  # a score that gives no weight, and that fp16 can hold
SIGMA = 1e-4  # what is left of the noise at the end
LATEST = 0.95  # the last time that is learned: up to 20 steps ask for none after it

Velocity: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""(B, ...) where one is, (B,) the time from 0 to 1 -> (B, ...) where to, and how fast."""


def matching_loss(velocity: Velocity, data: Tensor, noise: Tensor, time: Tensor) -> Tensor:
    """Mean squared error of a velocity on the straight way from noise to data.

    Args:
        data, noise: (B, ...)
        time: (B,) where on the way.
    """
    t = time.view(-1, *[1] * (data.dim() - 1))
    place = (1 - (1 - SIGMA) * t) * noise + t * data
    return (velocity(place, time) - (data - (1 - SIGMA) * noise)).square().mean()


def sample(velocity: Velocity, noise: Tensor, steps: int) -> Tensor:
    """Follow a velocity from (B, ...) noise at time 0 to time 1, by Euler's method."""
    x = noise
    for step in range(steps):
        x = x + velocity(x, noise.new_full((len(noise),), step / steps)) / steps
    return x


def guided(with_cue: Velocity, without: Velocity, strength: float) -> Velocity:
    """Classifier-free guidance: go further in the direction in which the condition points.

    Source: Ho and Salimans, arXiv:2207.12598. `strength` 0 is the condition alone.
    """

    def velocity(x: Tensor, time: Tensor) -> Tensor:
        led = with_cue(x, time)
        return led + strength * (led - without(x, time))

    return velocity


@dataclass(frozen=True)
class FlowDims:
    """Sizes of the network; it hears a bounded stretch around each frame, so chunks can agree.

    Attributes:
        before, after: frames that a layer's attention reaches; its conditions reach no further.
    """

    numbers: int = 80
    condition: int = 384
    speaker: int = 256
    width: int = 256
    layers: int = 6
    heads: int = 4
    before: int = 16
    after: int = 3

    def __post_init__(self) -> None:
        if self.layers < 1 or self.heads < 1 or self.width < 1 or self.width % (2 * self.heads):
            raise ValueError(
                "wanted layers, heads and a width that is a multiple of twice the heads, found "
                f"{self.layers}, {self.heads} and {self.width}"
            )
        if self.before < 0 or self.after < 0:
            raise ValueError(
                f"wanted frames before and after from 0 on, found {self.before} and {self.after}"
            )

    @property
    def reach(self) -> tuple[int, int]:
        """Frames before and after that one step depends on; `n` steps on `n` times as many."""
        return self.layers * self.before, self.layers * self.after


class FlowLayer(nn.Module):
    """Attention to the frames around, and a perceptron, both scaled by time and speaker."""

    def __init__(self, dims: FlowDims) -> None:
        super().__init__()
        width = dims.width
        self.heads = dims.heads
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.perceptron = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.modulation = nn.Linear(width, 6 * width)
        nn.init.zeros_(self.modulation.weight)  # a layer begins as doing nothing
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x: Tensor, about: Tensor, turns: Tensor, bias: Tensor) -> Tensor:
        """(B, F, W) -> the same; `about` (B, 1, W), `turns` (F, D) angles, `bias` (F, F)."""
        shift, scale, gate, shift2, scale2, gate2 = self.modulation(about).chunk(6, dim=-1)
        heard = self._attend(self.norms[0](x) * (1 + scale) + shift, turns, bias)
        x = x + gate * heard
        thought = self.perceptron(self.norms[1](x) * (1 + scale2) + shift2)
        done: Tensor = x + gate2 * thought
        return done

    def _attend(self, x: Tensor, turns: Tensor, bias: Tensor) -> Tensor:
        parts = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = parts  # (B, H, F, D)
        mixed = F.scaled_dot_product_attention(
            _turned(query, turns), _turned(key, turns), value, attn_mask=bias.to(value.dtype)
        )
        attended: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return attended


class FlowDecoder(nn.Module):
    """The velocity of frames, told what they are to say (condition) and in whose voice.

    It says where the way ends, and the velocity follows from that and from where one is: a small
    network cannot carry all of the noise through its layers, and need not.

    Source: Li and He, arXiv:2511.13720.
    """

    def __init__(self, dims: FlowDims) -> None:
        super().__init__()
        self.dims = dims
        self.enter = nn.Linear(dims.numbers + dims.condition, dims.width)
        self.speaker = nn.Linear(dims.speaker, dims.width)
        self.time = nn.Sequential(
            nn.Linear(dims.width, dims.width), nn.SiLU(), nn.Linear(dims.width, dims.width)
        )
        self.layers = nn.ModuleList(FlowLayer(dims) for _ in range(dims.layers))
        self.norm = nn.LayerNorm(dims.width)
        self.leave = nn.Linear(dims.width, dims.numbers)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: Tensor, time: Tensor, condition: Tensor, speaker: Tensor) -> Tensor:
        """Velocity (B, F, M) at `x` (B, F, M) and `time` (B,).

        Args:
            condition: (B, F, C)
            speaker: (B, S)
        """
        end = self._end(x, time, condition, speaker)
        left = (1 - (1 - SIGMA) * time).clamp(min=1 - LATEST)[:, None, None]
        velocity: Tensor = (end - (1 - SIGMA) * x) / left
        return velocity

    def _end(self, x: Tensor, time: Tensor, condition: Tensor, speaker: Tensor) -> Tensor:
        about = F.silu(self.time(waves(time, self.dims.width)) + self.speaker(speaker))[:, None]
        turns = rotations(x.shape[1], self.dims.width // self.dims.heads, x)
        bias = self._bias(x)
        x = self.enter(torch.cat([x, condition], dim=-1))
        for layer in self.layers:
            x = layer(x, about, turns, bias)
        end: Tensor = self.leave(self.norm(x))
        return end

    def _bias(self, x: Tensor) -> Tensor:
        """Added to the scores of (F, F) queries and keys: `MASKED` out of reach."""
        place = torch.arange(x.shape[1], device=x.device)
        apart = place[None] - place[:, None]  # of a key from its query
        within = (apart >= -self.dims.before) & (apart <= self.dims.after)
        return torch.where(within, 0.0, MASKED).to(x.dtype)


def waves(time: Tensor, width: int) -> Tensor:
    """(B,) times from 0 to 1 -> (B, W) sines and cosines."""
    rates = 1000.0 * torch.exp(
        -math.log(10_000.0) * torch.arange(width // 2, device=time.device) / (width // 2)
    )
    angles = time[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def rotations(frames: int, depth: int, like: Tensor) -> Tensor:
    """(F, D) angles by which queries and keys are turned: only distances between frames show."""
    rates = torch.exp(
        -math.log(100.0) * torch.arange(depth // 2, device=like.device) / (depth // 2)
    )
    angles = torch.arange(frames, device=like.device)[:, None] * rates
    return torch.cat([angles, angles], dim=-1).to(like.dtype)


def _turned(x: Tensor, turns: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return x * turns.cos() + torch.cat([-second, first], dim=-1) * turns.sin()
