"""DESIGN 7's targets for GPUs, measured: one CLAPSep context, captions of many speakers.

Weights are random and of the real sizes: they take as long.
"""

import copy
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import onnx
import torch

from tap_live.bundle import Bundle
from tap_live.errors import TapError
from tap_live.export import clapsep
from tap_live.export.clapsep_graphs import separator_graphs
from tap_live.export.precision import halved
from tap_live.models.clapsep import Dims, Separator
from tap_live.models.whisper import Dims as WhisperDims
from tap_live.models.whisper import Whisper
from tap_live.providers import Device
from tap_live.runtime import Engine

RUNS, WARM = 20, 3
CONTEXT_MS, TIMES_EAGER, SPEAKERS = 5.0, 8.0, 64  # DESIGN 7
STRIDE_S, TOKENS, FRAMES = 1.0, 8, 1000  # of captions: a pass a second, its new tokens, its frames
WHISPER = WhisperDims(80, 1500, 512, 8, 6, 51865, 448, 512, 8, 6)  # base
CLAPSEP = Dims()


@torch.inference_mode()
def context_target(
    device: torch.device, folder: Path, dims: Dims = CLAPSEP, runs: int = RUNS
) -> tuple[str, bool]:
    """Time encoder and decoder together: eager fp32, autocast, and the providers that are here."""
    separator = Separator(dims).eval()
    bundle = half_bundle(separator, folder)
    graphs = separator_graphs(copy.deepcopy(separator))
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
    ways |= _engines_timed(bundle, device, runs)
    name, fast = min(ways.items(), key=lambda way: way[1])
    right = 1e3 * fast <= CONTEXT_MS and slow / fast >= TIMES_EAGER
    return f"{1e3 * fast:.2f} ms ({name}), {slow / fast:.1f} times eager fp32", right


def half_bundle(separator: Separator, folder: Path) -> Bundle:
    """A bundle that computes in fp16."""
    out = folder / "clapsep"
    content = clapsep.begin(separator, out, None, None, "fp16", ("random",), "gpu_check")
    for name, traceable in content.graphs.items():
        onnx.save(halved(traceable.build()), out / f"{name}.onnx")
    return content.write(out)


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


@torch.inference_mode()
def caption_target(
    device: torch.device, rows: int = SPEAKERS, dims: WhisperDims = WHISPER, runs: int = RUNS
) -> tuple[str, bool]:
    """One pass for all speakers: encode what is open of each, then decode some tokens, greedily."""
    whisper = Whisper(dims).eval().to(device)
    mel = torch.randn(rows, dims.n_mels, FRAMES, device=device)

    def one_pass() -> object:
        with torch.autocast(device.type, _low(device)):
            encoded = whisper.encode(mel)
            cache = whisper.empty_cache(rows).to(device)
            token = torch.zeros((rows, 1), dtype=torch.int64, device=device)
            for _ in range(TOKENS):
                decoded = whisper.decoder(token, cache, encoded.cross_k, encoded.cross_v)
                cache, token = decoded.self_kv, decoded.logits[:, -1:].argmax(-1)
        return token

    took = timed(one_pass, device, runs)
    return f"{1e3 * took:.0f} ms", took <= STRIDE_S


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
