"""Networks in PyTorch on a card: held against the CPU, and only then timed and weighed.

PyTorch, and what its networks need, is enough for this; ONNX Runtime is not asked.
"""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from statistics import median

import torch
from torch import Tensor, nn

from tap_live.export.gpu_networks import SEED, Given, Networks
from tap_live.export.gpu_rows import Check, Found

RUNS, WARM = 20, 3
TOLERANCES = {torch.float32: 1e-3, torch.float16: 3e-2, torch.bfloat16: 1e-1}
SMALLEST = 1e-6  # magnitude that a difference is taken over


def checks(device: torch.device, networks: Networks, runs: int = RUNS) -> Iterator[Check]:
    """Every network in every precision."""
    for name, make in networks.each().items():
        subject = Subject(make)
        for dtype, tolerance in TOLERANCES.items():
            kind = str(dtype).removeprefix("torch.")
            what = f"{name}, PyTorch {kind} on {device.type} against fp32 on the CPU"
            yield Check(what, f"{tolerance:.0e}", partial(in_torch, subject, device, dtype, runs))


@dataclass(frozen=True)
class Subject:
    """A network and what it gives on the CPU in fp32, found out once."""

    make: Callable[[], Given]

    @cached_property
    def known(self) -> tuple[nn.Module, list[Tensor], list[Tensor]]:
        """The network, its inputs, and its outputs."""
        torch.manual_seed(SEED)
        network, inputs = self.make()
        with torch.inference_mode():
            return network, inputs, flat(network(*inputs))


def in_torch(subject: Subject, device: torch.device, dtype: torch.dtype, runs: int = RUNS) -> Found:
    """Largest difference from fp32 on the CPU; if that is small, time and memory."""
    network, inputs, expected = subject.known
    started = _allocated(device)
    with torch.inference_mode(), computing_in(device, dtype):
        moved = copy.deepcopy(network).to(device)
        given = [one.to(device) for one in inputs]
        worst = apart(flat(moved(*given)), expected)
        if not worst <= TOLERANCES[dtype]:
            return f"{worst:.1e}: not timed", False
        took = timed(lambda: moved(*given), device, runs)
    return f"{worst:.1e}; {1e3 * took:.2f} ms{_weighed(device, started)}", True


@contextmanager
def computing_in(device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Autocast; and fp32 means fp32, where cuDNN's convolutions would be in TF32."""
    if dtype == torch.float32:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    else:
        with torch.autocast(device.type, dtype):
            yield


def apart(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """The largest difference of any output, over its largest magnitude; NaN where one is."""
    each = [
        (one.float().cpu() - other.float().cpu()).abs().max()
        / other.float().abs().max().clamp(min=SMALLEST).cpu()
        for one, other in zip(found, expected, strict=True)
    ]
    return float(torch.stack(each).max())


def flat(found: object) -> list[Tensor]:
    """The tensors that a network gives, whatever they are wrapped in."""
    if isinstance(found, Tensor):
        return [found]
    assert isinstance(found, tuple | list)
    return [tensor for part in found for tensor in flat(part)]


def timed(work: Callable[[], object], device: torch.device, runs: int = RUNS) -> float:
    """Seconds of one run, the median, with nothing left on the device."""

    def settle() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    times = []
    for _ in range(WARM + runs):
        settle()
        begun = time.perf_counter()
        work()
        settle()
        times.append(time.perf_counter() - begun)
    return median(times[WARM:])


def _allocated(device: torch.device) -> int:
    """Bytes of PyTorch's on the card, from which a new highest is looked for."""
    if device.type != "cuda":
        return 0
    torch.cuda.reset_peak_memory_stats(device)
    return torch.cuda.memory_allocated(device)


def _weighed(device: torch.device, started: int) -> str:
    """What a network and its run took at most."""
    if device.type != "cuda":
        return ""
    return f", {(torch.cuda.max_memory_allocated(device) - started) / 1e6:.0f} MB at most"
