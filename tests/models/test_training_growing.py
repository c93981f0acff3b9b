"""A network grown wider computes what it did, and has more to learn with."""

from dataclasses import replace

import pytest
import torch

from tap_live.models.compact import Block, CompactExtractor, Dims, PerBand
from tap_live.models.training.growing import grown

DIMS = Dims(cue=8, bands=((4, 2), (8, 1)), band_width=6, full_width=5, blocks=2, condition_width=4)


def test_a_network_that_hears_past_hops_computes_what_it_did_before_it_learns() -> None:
    torch.manual_seed(0)
    net = CompactExtractor(DIMS).eval()
    more = grown(net, replace(DIMS, past_hops=3))
    spectrum, cue = torch.randn(20, 2, 16, 2), torch.randn(2, 8)
    with torch.no_grad():
        before, _ = net(spectrum, cue, net.initial_state(2))
        after, _ = more(spectrum, cue, more.initial_state(2))
    torch.testing.assert_close(after, before, rtol=0, atol=1e-6)
    mask, _ = more(spectrum, cue, more.initial_state(2))
    mask.square().sum().backward()
    layer = more.split.layers[0]
    assert isinstance(layer, PerBand) and layer.weight.grad is not None
    assert layer.weight.grad.view(2, 4, 5, DIMS.band_width)[:, :, 2:].abs().max() > 0


def test_one_that_hears_what_follows_computes_what_it_did_before_it_learns() -> None:
    torch.manual_seed(0)
    net = CompactExtractor(DIMS).eval()
    more = grown(net, replace(DIMS, future=True))
    spectrum, cue = torch.randn(20, 2, 16, 2), torch.randn(2, 8)
    with torch.no_grad():
        before, _ = net(spectrum, cue, net.initial_state(2))
    after, _ = more(spectrum, cue, more.initial_state(2))
    torch.testing.assert_close(after.detach(), before, rtol=0, atol=1e-6)
    after.square().sum().backward()
    for block in more.blocks:
        assert isinstance(block, Block)
        for out in (block.band_future_out, block.full_future_out):
            assert out.weight.grad is not None and bool(out.weight.grad.any())
    with pytest.raises(ValueError, match="past_hops or future where it has none"):
        grown(more, DIMS)


def test_one_that_hears_what_follows_is_widened_like_any_other() -> None:
    torch.manual_seed(0)
    net = CompactExtractor(replace(DIMS, future=True)).eval()
    wide = grown(net, replace(DIMS, future=True, full_width=9))
    both = grown(CompactExtractor(DIMS).eval(), replace(DIMS, future=True, full_width=9))
    assert both.dims == wide.dims
    spectrum, cue = torch.randn(20, 2, 16, 2), torch.randn(2, 8)
    with torch.no_grad():
        before, _ = net(spectrum, cue, net.initial_state(2))
        after, _ = wide(spectrum, cue, wide.initial_state(2))
    torch.testing.assert_close(after, before, rtol=0, atol=1e-6)


def test_it_computes_the_same_and_its_new_units_learn() -> None:
    torch.manual_seed(0)
    net = CompactExtractor(DIMS).eval()
    wide = grown(net, replace(DIMS, full_width=9))
    spectrum, cue = torch.randn(7, 3, 16, 2), torch.randn(3, 8)
    expected, _ = net(spectrum, cue, net.initial_state(3))
    found, state = wide(spectrum, cue, wide.initial_state(3))
    torch.testing.assert_close(found, expected)
    assert state.full_h.shape[-1] == 9 and bool(state.full_h[..., 5:].any())
    found.square().sum().backward()
    for block in wide.blocks:
        new = block.full_out.weight.grad[:, 5:]
        assert not block.full_out.weight[:, 5:].any() and bool(new.any(dim=0).all())


@pytest.mark.parametrize("future", [False, True])
def test_new_blocks_are_not_heard_yet_and_learn(future: bool) -> None:
    torch.manual_seed(0)
    net = CompactExtractor(DIMS).eval()
    deep = grown(net, replace(DIMS, blocks=4, future=future))
    spectrum, cue = torch.randn(7, 3, 16, 2), torch.randn(3, 8)
    expected, _ = net(spectrum, cue, net.initial_state(3))
    found, state = deep(spectrum, cue, deep.initial_state(3))
    torch.testing.assert_close(found, expected)
    assert len(state.full_h) == 4
    found.square().sum().backward()
    for block in deep.blocks[2:]:
        assert isinstance(block, Block)
        for out in (block.band_out, block.full_out):
            assert out.weight.grad is not None and bool(out.weight.grad.any())


def test_one_that_is_told_who_speaks_beside_computes_what_it_did_before_it_learns() -> None:
    torch.manual_seed(0)
    net = CompactExtractor(DIMS).eval()
    net.condition.fit(torch.randn(50, 8))
    told = grown(net, replace(DIMS, cue=16))
    spectrum, cue, other = torch.randn(7, 3, 16, 2), torch.randn(3, 8), torch.randn(3, 8)
    expected, _ = net(spectrum, cue, net.initial_state(3))
    alone, _ = told(spectrum, cue, told.initial_state(3))  # a side not given is zeros
    found, _ = told(spectrum, torch.cat([cue, other], dim=1), told.initial_state(3))
    torch.testing.assert_close(alone, expected)
    torch.testing.assert_close(found, expected)
    found.square().sum().backward()
    slope = told.condition.linear.weight.grad
    assert slope is not None and bool(slope[:, 8:].any())


@pytest.mark.parametrize("other", [{"full_width": 4}, {"band_width": 8}, {"blocks": 1}, {"cue": 4}])
def test_other_sizes_are_refused(other: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="full_width and blocks or more"):
        grown(CompactExtractor(DIMS), replace(DIMS, **other))
