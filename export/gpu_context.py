"""DESIGN 7's target for CLAPSep on a card: 10 s in 5 ms, 8 times faster than PyTorch eager.

Every way of computing a context is held against PyTorch on the CPU before it is timed: what is
wrong has no time. PyTorch's own ways are here, those of ONNX Runtime come from `gpu_graphs`.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial

import torch
from torch import Tensor

from tap_live.errors import RuntimeMissingError
from tap_live.export.gpu_networks import SEED, Networks
from tap_live.export.gpu_rows import Check, Found
from tap_live.export.gpu_torch import RUNS, TOLERANCES, apart, computing_in, timed

CONTEXT_MS, TIMES_EAGER = 5.0, 8.0  # DESIGN 7
PYTORCH = "PyTorch"  # what its ways begin with
EAGER = f"{PYTORCH} eager fp32, cuDNN's defaults"
HALF = TOLERANCES[torch.float16]  # also of TF32, which is cuDNN's default: as many digits

Find = Callable[[], Tensor]
"""Compute the mask of the one context, from its mel frames on."""


@dataclass(frozen=True)
class Contexts:
    """The ways that were right, and how long each takes."""

    device: torch.device
    networks: Networks
    runs: int = RUNS
    times: dict[str, float] = field(default_factory=dict)  # seconds

    @cached_property
    def given(self) -> dict[str, Tensor]:
        """Mel frames, magnitude and cue of a context."""
        graphs = self.networks.traceables
        torch.manual_seed(SEED)
        return {
            "mel": torch.randn(graphs["hear"].inputs["mel"].shape),
            "magnitude": torch.rand(graphs["find"].inputs["magnitude"].shape),
            "cue": torch.randn(graphs["find"].inputs["cue"].shape),
        }

    @cached_property
    def expected(self) -> Tensor:
        return self._in_torch(torch.device("cpu"))()

    def checks(self) -> Iterator[Check]:
        """PyTorch's ways; the first is what others are compared with."""
        yield Check(f"{WHAT}, {EAGER}", f"{HALF:.0e}", self.eager)
        for dtype in (torch.float16, torch.bfloat16):
            name = f"{PYTORCH} autocast {str(dtype).removeprefix('torch.')}"
            yield Check(
                f"{WHAT}, {name}", f"{TOLERANCES[dtype]:.0e}", partial(self.autocast, name, dtype)
            )

    def target(self) -> Check:
        """What the ways come to that were checked before."""
        wanted = f"{CONTEXT_MS:g} ms, {TIMES_EAGER:g} times eager fp32"
        return Check(f"{WHAT}: the product's fastest way here that is right", wanted, self.fastest)

    def eager(self) -> Found:
        return self.way(EAGER, self._in_torch(self.device), HALF)

    def autocast(self, name: str, dtype: torch.dtype) -> Found:
        eager = self._in_torch(self.device)

        def find() -> Tensor:
            with computing_in(self.device, dtype):
                return eager()

        return self.way(name, find, TOLERANCES[dtype])

    def way(self, name: str, find: Find, tolerance: float) -> Found:
        """Compare one way; if it is right, time it."""
        worst = apart([find()], [self.expected])
        if not worst <= tolerance:
            return f"{worst:.1e}: not timed", False
        self.times[name] = timed(find, self.device, self.runs)
        return f"{worst:.1e}; {1e3 * self.times[name]:.2f} ms", True

    def fastest(self) -> Found:
        """Of the product's ways: it never runs PyTorch's.

        Raises: RuntimeMissingError if there is none of them, or nothing to compare it with.
        """
        others = {name: took for name, took in self.times.items() if not name.startswith(PYTORCH)}
        if EAGER not in self.times or not others:
            raise RuntimeMissingError(
                "wanted eager fp32 and a way of the product that are right, "
                f"found {', '.join(self.times) or 'none'}"
            )
        name, fast = min(others.items(), key=lambda way: way[1])
        times = self.times[EAGER] / fast
        right = 1e3 * fast <= CONTEXT_MS and times >= TIMES_EAGER
        return f"{1e3 * fast:.2f} ms ({name}), {times:.1f} times eager fp32", right

    def _in_torch(self, device: torch.device) -> Find:
        graphs = self.networks.traceables
        hear, find = (copy.deepcopy(graphs[name].module).to(device) for name in ("hear", "find"))
        mel, magnitude, cue = (self.given[name].to(device) for name in ("mel", "magnitude", "cue"))

        @torch.inference_mode()
        def run() -> Tensor:
            mask: Tensor = find(magnitude, cue, *hear(mel))
            return mask

        return run


WHAT = "CLAPSep, one 10 s context, batch 1"
