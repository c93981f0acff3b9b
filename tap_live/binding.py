"""Run a graph with tensors where they are: ONNX Runtime's IO binding.

What stays on a device is an `OrtValue`, which has no types; arrays are copied there and back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NOWHERE: Mapping[str, "Front"] = {}


@dataclass(frozen=True)
class Part:
    """One of the stacked tensors of a float32 value, without a copy."""

    whole: Any
    number: int

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.whole.shape()[1:])

    @property
    def address(self) -> int:
        return int(self.whole.data_ptr()) + self.number * 4 * int(np.prod(self.shape))


@dataclass(frozen=True)
class Front:
    """The first rows of a float32 value, without a copy."""

    whole: Any
    rows: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.rows, *self.whole.shape()[1:])

    @property
    def address(self) -> int:
        return int(self.whole.data_ptr())


def memory_of(device: str) -> str:
    """Whose memory a device's graphs work in; TensorRT's is CUDA's."""
    return "cuda" if device == "tensorrt" else device


def run_bound(
    session: Any,
    feeds: Mapping[str, Any],
    home: Sequence[str],
    kept: Sequence[str],
    memory: str,
    into: Mapping[str, Front] = NOWHERE,
) -> list[Any]:
    """Run a session once.

    Args:
        feeds: arrays, what an earlier call left on the device, or parts of that.
        home: outputs that are wanted as arrays.
        kept: outputs that stay where they are made, in `memory`.
        into: outputs that are written where something lies that is not needed any more.

    Returns: `home` and `kept`, in their order.
    """
    binding = session.io_binding()
    arrays = {n: np.ascontiguousarray(v) for n, v in feeds.items() if isinstance(v, np.ndarray)}
    for name, value in feeds.items():
        if name in arrays:
            binding.bind_cpu_input(name, arrays[name])
        elif isinstance(value, Part | Front):
            binding.bind_input(name, memory, 0, np.float32, value.shape, value.address)
        else:
            binding.bind_ortvalue_input(name, value)
    for name in home:
        binding.bind_output(name, "cpu")
    for name in kept:
        binding.bind_output(name, memory)
    for name, place in into.items():
        binding.bind_output(name, memory, 0, np.float32, place.shape, place.address)
    session.run_with_iobinding(binding)
    values = binding.get_outputs()
    count = len(home) + len(kept)
    return [value.numpy() for value in values[: len(home)]] + list(values[len(home) : count])
