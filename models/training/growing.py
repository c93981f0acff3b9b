"""A wider network that computes what a trained one does, to go on training from.

Source: Chen et al., arXiv:1511.05641; here new units hear everything and are not heard yet.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from ..compact import Block, CompactExtractor, Dims


@torch.no_grad()
def grown(net: CompactExtractor, dims: Dims) -> CompactExtractor:
    """Give the LSTMs of all bands together `dims.full_width` units.

    Raises: ValueError if `dims` differ from the network's in anything else, or are narrower.
    """
    if replace(dims, full_width=net.dims.full_width) != net.dims or (
        dims.full_width < net.dims.full_width
    ):
        raise ValueError(
            f"wanted a network of {net.dims} with full_width or more, found {dims} to grow it to"
        )
    wide = CompactExtractor(dims)
    state, state_before = wide.state_dict(), net.state_dict()
    for name, value in state_before.items():
        if state[name].shape == value.shape:
            state[name].copy_(value)
    for block, before in zip(wide.blocks, net.blocks, strict=True):
        assert isinstance(block, Block) and isinstance(before, Block)
        _grow(block, before)
    return wide.train(net.training)


def _grow(block: Block, before: Block) -> None:
    _put(block.full_in, before.full_in, parts=1)
    _put(block.full_film, before.full_film, parts=2)  # scale, shift
    _put(block.full_lstm, before.full_lstm, parts=4)  # gates
    _put(block.full_out, before.full_out, parts=1)


def _put(wide: nn.Module, before: nn.Module, parts: int) -> None:
    """Put parameters into wider ones: old outputs do not hear new inputs."""
    for value, its in zip(wide.parameters(), before.parameters(), strict=True):
        for whole, part in zip(value.chunk(parts), its.chunk(parts), strict=True):
            old: Tensor = whole[: len(part)]
            if part.dim() > 1:
                old[:, part.shape[1] :] = 0.0
                old = old[:, : part.shape[1]]
            old.copy_(part)
