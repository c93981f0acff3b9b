"""DESIGN 7's targets for GPUs, measured: one CLAPSep context, captions of many speakers.

Weights are random and of the real sizes: they take as long.
"""

import copy
import time
from collections.abc import Callable, Sequence
from statistics import median

import torch

from tap_live.bundle import Bundle
from tap_live.errors import RuntimeMissingError, TapError
from tap_live.export.clapsep_graphs import separator_graphs
from tap_live.export.gpu_models import Models
from tap_live.export.gpu_search import one_pass
from tap_live.providers import Device
from tap_live.runtime import Engine
from tap_live.whisper.model import Whisper

RUNS, WARM = 20, 3
CONTEXT_MS, TIMES_EAGER, SPEAKERS = 5.0, 8.0, 64  # DESIGN 7
STRIDE_S = 1.0  # of captions: a pass a second


@torch.inference_mode()
def context_target(device: torch.device, models: Models, runs: int = RUNS) -> tuple[str, bool]:
    """Time encoder and decoder together: eager fp32, autocast, and the providers that are here."""
    graphs = separator_graphs(copy.deepcopy(models.separator))
    given = {name: value.to(device) for name, value in graphs["find"].inputs.items()}
    mel = graphs["hear"].inputs["mel"].to(device)
    hear, find = (graphs[name].module.to(device) for name in ("hear", "find"))

    def eager() -> object:
        features = hear(mel)
        return find(given["magnitude"], given["cue"], *features)

    def autocast() -> object:
        with torch.autocast(device.type, _low(device)):
            return eager()

    slow = timed(eager, device, runs)
    ways = {"PyTorch autocast": timed(autocast, device, runs)}
    ways |= _engines_timed(models.clapsep, device, runs)
    name, fast = min(ways.items(), key=lambda way: way[1])
    right = 1e3 * fast <= CONTEXT_MS and slow / fast >= TIMES_EAGER
    return f"{1e3 * fast:.2f} ms ({name}), {slow / fast:.1f} times eager fp32", right


def _engines_timed(bundle: Bundle, device: torch.device, runs: int) -> dict[str, float]:
    """Seconds a context through each of ONNX Runtime's providers that can be had."""
    found = {}
    wanted: tuple[Device, ...] = ("cuda", "tensorrt") if device.type == "cuda" else ("cpu",)
    for one in wanted:
        try:
            hear, find = (
                Engine(bundle, name, device=one, strict=True) for name in ("hear", "find")
            )
        except TapError:
            continue  # the way is not here; others are

        def context(hear: Engine = hear, find: Engine = find) -> None:
            hear.warm_up(1)
            find.warm_up(1)

        found[f"ONNX Runtime, {one}"] = timed(context, device, runs)
    return found


def caption_target(
    open_on: Callable[[Device], Whisper],
    devices: Sequence[Device],
    rows: int = SPEAKERS,
    runs: int = RUNS,
) -> tuple[str, bool]:
    """Time a pass for all speakers, as the product searches, on every device that is here.

    Raises: RuntimeMissingError if none is.
    """
    found, missing = dict[str, float](), RuntimeMissingError("wanted a device, found none")
    for device in devices:
        try:
            work = one_pass(open_on(device), rows)
        except RuntimeMissingError as error:
            missing = error
            continue
        found[device] = timed(work, torch.device("cpu"), runs)  # ends with arrays: all is done
    if not found:
        raise missing
    said = ", ".join(f"{1e3 * took:.0f} ms ({device})" for device, took in found.items())
    return said, min(found.values()) <= STRIDE_S


def _low(device: torch.device) -> torch.dtype:
    """A CPU, on which tests run this, has bf16 only."""
    return torch.float16 if device.type == "cuda" else torch.bfloat16


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
