"""A larger network that computes what a trained one does, to go on training from.

Source: Chen et al., arXiv:1511.05641; here new units hear everything and are not heard yet.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from ..compact import Block, CompactExtractor, Condition, Dims, PerBand

_GROWING = ("full_width", "blocks", "past_hops", "future", "cue")


@torch.no_grad()
def grown(net: CompactExtractor, dims: Dims) -> CompactExtractor:
    """Make a network larger that computes what it did.

    The LSTMs of all bands together get `dims.full_width` units; there may be more blocks; it may
    come to hear `past_hops`, what follows, and be told who speaks beside the target (twice the
    `cue`).

    Raises: ValueError if `dims` differ from the network's in anything else, or are less.
    """
    its = net.dims
    if not _holds(dims, its):
        raise ValueError(
            f"wanted a network of {its} with full_width and blocks or more, with past_hops or "
            f"future where it has none, or with twice the cue, found {dims} to grow it to"
        )
    wide = CompactExtractor(dims)
    state, state_before = wide.state_dict(), net.state_dict()
    for name, value in state_before.items():
        if state[name].shape == value.shape:
            state[name].copy_(value)
    if dims.cue > its.cue:
        _add_side(wide.condition, net.condition)
    for layer, its_layer in zip(wide.split.layers, net.split.layers, strict=True):
        _hear_more(layer, its_layer, wide.split.channels, net.split.channels)
    for block, before in zip(wide.blocks, net.blocks, strict=False):
        assert isinstance(block, Block) and isinstance(before, Block)
        _grow(block, before)
    for block in wide.blocks[its.blocks :]:
        assert isinstance(block, Block)
        _silence(block.band_out, block.full_out)
        if block.future:
            _silence(block.band_future_out, block.full_future_out)
    return wide.train(net.training)


def _holds(dims: Dims, its: Dims) -> bool:
    """Whether a network of `dims` can compute what one of `its` does."""
    sizes = {name: getattr(its, name) for name in _GROWING}
    return (
        replace(dims, **sizes) == its
        and dims.full_width >= its.full_width
        and dims.blocks >= its.blocks
        and dims.cue in (its.cue, 2 * its.cue)
        and its.past_hops in (0, dims.past_hops)
        and dims.future >= its.future
    )


def _add_side(condition: Condition, before: Condition) -> None:
    """The second side is scaled as the first and not heard yet."""
    condition.mean.copy_(before.mean.repeat(2))
    condition.scale.copy_(before.scale.repeat(2))
    condition.linear.weight.zero_()
    condition.linear.weight[:, : len(before.mean)] = before.linear.weight
    condition.linear.bias.copy_(before.linear.bias)


def _hear_more(layer: nn.Module, before: nn.Module, channels: int, its: int) -> None:
    """New channels of a band's bins are not heard yet."""
    assert isinstance(layer, PerBand) and isinstance(before, PerBand)
    count, inputs, outputs = layer.weight.shape
    weight = layer.weight.view(count, inputs // channels, channels, outputs)
    weight[:, :, its:] = 0.0
    weight[:, :, :its] = before.weight.view(count, inputs // channels, its, outputs)
    layer.bias.copy_(before.bias)


def _grow(block: Block, before: Block) -> None:
    _put(block.full_in, before.full_in, parts=1)
    _put(block.full_film, before.full_film, parts=2)  # scale, shift
    _put(block.full_lstm, before.full_lstm, parts=4)  # gates
    _put(block.full_out, before.full_out, parts=1)
    if before.future:
        _put(block.full_future, before.full_future, parts=4)
        _put(block.full_future_out, before.full_future_out, parts=1)
    elif block.future:
        _mirror(block)


def _mirror(block: Block) -> None:
    """What comes from the end back begins as what goes on does, and is not heard yet."""
    block.band_future.load_state_dict(block.band_lstm.state_dict())
    block.full_future.load_state_dict(block.full_lstm.state_dict())
    _silence(block.band_future_out, block.full_future_out)


def _silence(*layers: nn.Module) -> None:
    """What comes out of these layers is not heard yet."""
    for layer in layers:
        for weight in layer.parameters():
            weight.zero_()


def _put(wide: nn.Module, before: nn.Module, parts: int) -> None:
    """Put parameters into wider ones: old outputs do not hear new inputs."""
    for value, its in zip(wide.parameters(), before.parameters(), strict=True):
        for whole, part in zip(value.chunk(parts), its.chunk(parts), strict=True):
            old: Tensor = whole[: len(part)]
            if part.dim() > 1:
                old[:, part.shape[1] :] = 0.0
                old = old[:, : part.shape[1]]
            old.copy_(part)
