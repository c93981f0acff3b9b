"""PyTorch eager beside shipped bundles, with their weights, for `bench --peer pytorch`."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import onnx
import onnxruntime
import torch
from torch import nn

from tap_live.bench_graphs import LENGTHS, MakeStep, Step, Way, bundle_way, whisper_steps
from tap_live.bundle import Bundle
from tap_live.errors import ConfigError
from tap_live.export.compact_graph import AHEAD, shapes_of
from tap_live.export.precision import quantised
from tap_live.export.shipped import audio_cue_net, compact_net, speaker_net
from tap_live.export.storing import save
from tap_live.export.whisper_sessions import in_pytorch
from tap_live.models.training.prompt_files import whisper_folder
from tap_live.models.ts_whisper import open_whisper
from tap_live.whisper.assemble import assembled

NAME = "pytorch"


def pytorch_way(model: str, threads: int = 1) -> Way:
    """PyTorch's way of a model. Raises: ConfigError if none is here."""
    torch.set_num_threads(threads)
    if model in _TWINS:
        graph, make = _TWINS[model]
        return Way(NAME, "cpu", {graph: make()})
    if not model.startswith("whisper-"):
        raise ConfigError(
            f"no PyTorch network of {model!r} to compare with: there are {', '.join(_TWINS)} "
            "and those of Whisper; a checkpoint is compared by `tap-live export`"
        )
    return _whisper(model.removeprefix("whisper-"))


def int8_way(bundle: Bundle) -> list[Way]:
    """A bundle's graphs as `tap-live export --precision int8` makes them; none without products."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        models = {
            spec.file: quantised(_folded(bundle.path(spec.file), work / "folded.onnx"))
            for spec in bundle.manifest.graphs.values()
        }
        kinds = {node.op_type for model in models.values() for node in model.graph.node}
        if "DynamicQuantizeLinear" not in kinds:
            return []
        for file, model in models.items():
            save(model, work / file)
        return [bundle_way("int8", Bundle(work, bundle.manifest))]


def _folded(graph: Path, made: Path) -> onnx.ModelProto:
    """A graph whose weights are in fp32, as what quantises wants them, and not in fp16."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(made)
    options.log_severity_level = 3  # errors
    onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return onnx.load(made)


def _whisper(name: str) -> Way:
    with tempfile.TemporaryDirectory() as scratch:
        network = open_whisper(whisper_folder(name, Path(scratch), Path(scratch)))
    return whisper_steps(NAME, in_pytorch(network, assembled(name, precision="fp32")))


def _compact(name: str) -> MakeStep:
    net = compact_net(name)
    before, dims, ahead = net.initial_state(), net.dims, AHEAD if net.dims.future else 0
    seen, _ = shapes_of(dims)
    spectra = torch.randn(seen).view(-1, 1, *seen[-2:])
    return _on(net, lambda _: (spectra, torch.randn(1, dims.cue), before, ahead))


def _speaker() -> MakeStep:
    return _on(speaker_net(), lambda batch: (torch.randn(batch, LENGTHS["frames"], 40),))


def _audio_cue() -> MakeStep:
    return _on(audio_cue_net(), lambda batch: (torch.randn(batch, 150, 64),))


_TWINS: dict[str, tuple[str, Callable[[], MakeStep]]] = {
    "sound-compact": ("step", partial(_compact, "sound-compact")),
    "voice-compact": ("step", partial(_compact, "voice-compact")),
    "voice-offline": ("step", partial(_compact, "voice-offline")),
    "sound-offline": ("step", partial(_compact, "sound-offline")),
    "speaker": ("windows", _speaker),
    "audio-cue": ("windows", _audio_cue),
}


def _on(network: nn.Module, inputs: Callable[[int], tuple[object, ...]]) -> MakeStep:
    network.eval()

    def make(batch: int) -> Step:
        given = inputs(batch)

        @torch.inference_mode()
        def step() -> object:
            return network(*given)

        return step

    return make
