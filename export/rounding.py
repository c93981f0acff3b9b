"""How weights lie on disk: as fp16, or as 8-bit steps of a scale.

A network is rounded first and traced then, so that what is stored is what was proved.
"""

from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tap_live.models.compact import CompactExtractor, PerBand

Bits: TypeAlias = Literal[8, 16]

LEAST = np.float32(2.0**-14)  # of a scale: finer ones have fewer digits in fp16


def rounded(net: CompactExtractor, bits: Bits = 16) -> CompactExtractor:
    """Copy a network with weights that can be stored in so many bits: matrices, in the case of 8.

    With 8, each output of a layer has a scale of its own; what an LSTM hears and what it
    remembers share it where its graph multiplies both by one matrix: where it goes hop by hop.
    """
    copy = CompactExtractor(net.dims)
    copy.load_state_dict({k: v.half().float() for k, v in net.state_dict().items()})
    if bits == 8:
        for exact, layer in zip(net.modules(), copy.modules(), strict=True):
            _in_eighths(exact, layer, apart=net.dims.future)
    return copy.eval()


def packed(rows: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """(N, D) numbers as 8-bit steps of (N,) scales; what was packed once stays as it is."""
    exact = np.maximum(np.abs(rows).max(axis=1) / 127, LEAST)
    scales = exact.astype(np.float16)
    # Rounded up, so that nothing is clipped.
    scales = np.where(scales < exact, np.nextafter(scales, np.float16(np.inf)), scales)
    steps = np.round(rows / scales.astype(np.float32)[:, None]).clip(-127, 127)
    return steps.astype(np.int8), scales


def unpacked(steps: NDArray[np.int8], scales: NDArray[np.float16]) -> NDArray[np.float32]:
    """What `packed` was given, rounded."""
    return steps.astype(np.float32) * scales.astype(np.float32)[:, None]


def repacked(
    values: NDArray[np.float32],
) -> tuple[NDArray[np.int8], NDArray[np.float16]] | None:
    """Steps and scales, of shapes that multiply to `values` exactly; None if there are none.

    It does not matter which way around a tracer turned a matrix: every axis is tried.
    """
    for axis in range(values.ndim) if values.ndim > 1 else ():
        rows = np.moveaxis(values, axis, -1)
        steps, scales = packed(rows.reshape(-1, rows.shape[-1]))
        if np.array_equal(unpacked(steps, scales).reshape(rows.shape), rows):
            scale = np.moveaxis(scales.reshape(*rows.shape[:-1], 1), -1, axis)
            return np.moveaxis(steps.reshape(rows.shape), -1, axis), scale
    return None


@torch.no_grad()
def _in_eighths(exact: nn.Module, layer: nn.Module, apart: bool) -> None:
    """Fill a layer with the rounded matrices of another."""
    if isinstance(exact, nn.LSTM) and isinstance(layer, nn.LSTM):
        matrices = tuple(exact.parameters())[:2]
        inward, recurrent, *_ = layer.parameters()
        if apart:
            heard, remembered = map(_rows, matrices)
        else:
            both = _rows(torch.cat(matrices, dim=1))
            heard, remembered = both[:, : exact.input_size], both[:, exact.input_size :]
        inward.copy_(heard)
        recurrent.copy_(remembered)
    elif isinstance(exact, nn.Linear) and isinstance(layer, nn.Linear):
        layer.weight.copy_(_rows(exact.weight))
    elif isinstance(exact, PerBand) and isinstance(layer, PerBand):
        layer.weight.copy_(_rows(exact.weight.transpose(1, 2)).transpose(1, 2))


def _rows(weight: Tensor) -> Tensor:
    rows = weight.reshape(-1, weight.shape[-1]).contiguous().numpy()
    return torch.from_numpy(unpacked(*packed(rows))).view(weight.shape)
