"""Flow matching against what is known in closed form, and the network's reach."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tap_live.models.flow import (
    SIGMA,
    FlowDecoder,
    FlowDims,
    guided,
    matching_loss,
    sample,
)

MEAN, SCALE = 3.0, 0.5  # of the data; noise has 0 and 1
DIMS = FlowDims(numbers=4, condition=6, speaker=5, width=16, layers=2, heads=2, before=3, after=1)


def gaussian(x: Tensor, time: Tensor) -> Tensor:
    """The velocity that moves a normal distribution into another when pairs are independent.

    Noise z and data d on the way x = a z + t d, with a = 1 - (1 - SIGMA) t, are jointly normal,
    so E[d - (1 - SIGMA) z | x] is linear in x.
    """
    t = time.view(-1, 1)
    a = 1 - (1 - SIGMA) * t
    variance = a**2 + t**2 * SCALE**2
    centred = x - t * MEAN
    return MEAN + (t * SCALE**2 - (1 - SIGMA) * a) / variance * centred


def exact_end(noise: Tensor) -> Tensor:
    """Where the flow ends: quantiles keep their places."""
    return MEAN + (SIGMA**2 + SCALE**2) ** 0.5 * noise


def test_euler_converges_to_the_exact_flow_between_gaussians_at_first_order() -> None:
    noise = torch.linspace(-2, 2, 41, dtype=torch.float64)[:, None]
    errors = [
        (sample(gaussian, noise, steps) - exact_end(noise)).abs().max() for steps in (50, 100, 200)
    ]
    for coarse, fine in pairwise(errors):
        assert float(coarse / fine) == pytest.approx(2.0, abs=0.1)
    assert errors[-1] < 0.02


def test_the_exact_velocity_has_the_least_loss() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(40_000, 1, generator=generator)
    data = MEAN + SCALE * torch.randn(40_000, 1, generator=generator)
    time = torch.rand(40_000, generator=generator)
    least = matching_loss(gaussian, data, noise, time)
    for gain, shift in ((1.05, 0.0), (0.95, 0.0), (1.0, 0.1), (1.0, -0.1)):

        def other(x: Tensor, t: Tensor, gain: float = gain, shift: float = shift) -> Tensor:
            return gain * gaussian(x, t) + shift

        assert matching_loss(other, data, noise, time) > least


def test_a_straight_flow_needs_one_step() -> None:
    noise, data = torch.randn(5, 3), torch.randn(5, 3)

    def straight(x: Tensor, time: Tensor) -> Tensor:
        return data - noise

    torch.testing.assert_close(sample(straight, noise, 1), data)
    assert matching_loss(straight, data, noise, torch.rand(5)) < 1e-6


def test_guidance_goes_on_in_the_direction_of_the_condition() -> None:
    x, time = torch.randn(2, 3), torch.zeros(2)

    def led(x: Tensor, time: Tensor) -> Tensor:
        return x + 1

    def free(x: Tensor, time: Tensor) -> Tensor:
        return x

    torch.testing.assert_close(guided(led, free, 0.0)(x, time), x + 1)
    torch.testing.assert_close(guided(led, free, 1.5)(x, time), x + 2.5)


@pytest.fixture
def net() -> FlowDecoder:
    torch.manual_seed(0)
    net = FlowDecoder(DIMS)
    for name, parameter in net.named_parameters():
        if "modulation" in name or "leave" in name:  # which begin as zeros
            nn.init.normal_(parameter, std=0.3)
    return net


def inputs(frames: int, rows: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Noise, condition and speaker."""
    rng = np.random.default_rng(0)
    shapes = ((rows, frames, 4), (rows, frames, 6), (rows, 5))
    noise, condition, speaker = (torch.from_numpy(rng.standard_normal(s)).float() for s in shapes)
    return noise, condition, speaker


def test_training_reaches_every_parameter(net: FlowDecoder) -> None:
    noise, condition, speaker = inputs(7)
    loss = matching_loss(
        lambda x, t: net(x, t, condition, speaker), noise + 1, noise, torch.tensor([0.2, 0.8])
    )
    loss.backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


@pytest.mark.parametrize("steps", [1, 2, 4, 10, 20])
@torch.no_grad()
def test_any_number_of_steps_arrives_where_the_network_says_the_way_ends(
    net: FlowDecoder, steps: int
) -> None:
    nn.init.zeros_(net.leave.weight)
    net.leave.bias.copy_(torch.tensor([3.0, -1.0, 0.5, 0.0]))
    noise, condition, speaker = inputs(7)
    made = sample(partial(net, condition=condition, speaker=speaker), noise, steps)
    torch.testing.assert_close(made, net.leave.bias.expand_as(made), atol=1e-3, rtol=0)


@pytest.mark.parametrize("steps", [1, 3])
@torch.no_grad()
def test_a_frame_depends_on_those_within_reach_and_no_others(net: FlowDecoder, steps: int) -> None:
    net.double()
    noise, condition, speaker = (part.double() for part in inputs(61, rows=1))
    other = condition.clone()
    other[:, 30] += 5.0
    made, changed = (
        sample(partial(net, condition=c, speaker=speaker), noise, steps) for c in (condition, other)
    )
    places = (made != changed)[0].any(-1).nonzero().flatten()
    before, after = DIMS.reach
    assert (int(places.min()), int(places.max())) == (30 - steps * after, 30 + steps * before)


@torch.no_grad()
def test_a_part_with_its_surroundings_gives_what_the_whole_gives(net: FlowDecoder) -> None:
    noise, condition, speaker = inputs(61)
    before, after = DIMS.reach
    steps, start, stop = 2, 20, 30
    part = slice(start - steps * before, stop + steps * after)
    whole = sample(lambda x, t: net(x, t, condition, speaker), noise, steps)
    found = sample(lambda x, t: net(x, t, condition[:, part], speaker), noise[:, part], steps)
    kept = found[:, steps * before : steps * before + stop - start]
    torch.testing.assert_close(kept, whole[:, start:stop], atol=1e-5, rtol=1e-4)


def test_a_small_network_learns_a_distribution() -> None:
    torch.manual_seed(0)
    dims = FlowDims(numbers=1, condition=1, speaker=1, width=32, layers=2, heads=2)
    net = FlowDecoder(dims)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(300):
        which = torch.randint(2, (256, 1, 1)).float()  # the condition says which mean
        data = 4 * which - 2 + 0.3 * torch.randn(256, 1, 1)
        speaker, noise = torch.zeros(256, 1), torch.randn(256, 1, 1)
        loss = matching_loss(
            lambda x, t, c=which, s=speaker: net(x, t, c, s), data, noise, torch.rand(256)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    ones = torch.ones(500, 1, 1)
    with torch.no_grad():
        made = sample(lambda x, t: net(x, t, ones, torch.zeros(500, 1)), torch.randn(500, 1, 1), 10)
    assert float(made.mean()) == pytest.approx(2.0, abs=0.25)
    assert float(made.std()) < 0.8


@pytest.mark.parametrize("width", [63, 36, 0])
def test_a_width_that_its_heads_cannot_turn_is_refused(width: int) -> None:
    with pytest.raises(ValueError, match=f"a multiple of twice the heads, found 6, 4 and {width}"):
        FlowDims(width=width)
