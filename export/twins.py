"""PyTorch eager beside shipped bundles, for `bench --peer pytorch`.

Where a bundle's checkpoint is not here its twin has random weights: they take as long.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from tap_live.bench_graphs import LENGTHS, MakeStep, Step, Way, whisper_steps
from tap_live.errors import ConfigError
from tap_live.export.whisper_sessions import in_pytorch
from tap_live.models.cues import AudioCueEncoder, AudioDims
from tap_live.models.speaker import SpeakerEncoder
from tap_live.models.training.prompt_files import whisper_folder
from tap_live.models.ts_whisper import open_whisper
from tap_live.whisper.assemble import assembled

NAME = "pytorch"


def pytorch_way(model: str, threads: int = 1) -> Way:
    """PyTorch's way of a model. Raises: ConfigError if none is here."""
    torch.set_num_threads(threads)
    if model in _TWINS:
        return Way(NAME, "cpu", {"windows": _TWINS[model]()})
    if not model.startswith("whisper-"):
        raise ConfigError(
            f"no PyTorch network of {model!r} to compare with: there are {', '.join(_TWINS)} "
            "and those of Whisper; a checkpoint is compared by `tap-live export`"
        )
    return _whisper(model.removeprefix("whisper-"))


def _whisper(name: str) -> Way:
    with tempfile.TemporaryDirectory() as scratch:
        network = open_whisper(whisper_folder(name, Path(scratch), Path(scratch)))
    return whisper_steps(NAME, in_pytorch(network, assembled(name, precision="fp32")))


def _speaker() -> MakeStep:
    return _on(SpeakerEncoder(), lambda batch: torch.randn(batch, LENGTHS["frames"], 40))


def _audio_cue() -> MakeStep:
    return _on(AudioCueEncoder(AudioDims()), lambda batch: torch.randn(batch, 150, 64))


_TWINS = {"speaker": _speaker, "audio-cue": _audio_cue}


def _on(network: nn.Module, inputs: Callable[[int], Tensor]) -> MakeStep:
    network.eval()

    def make(batch: int) -> Step:
        given = inputs(batch)

        @torch.inference_mode()
        def step() -> object:
            return network(given)

        return step

    return make
