"""Checkpoints of separators that were trained here: dims, and weights by the authors' names.

A full-size one opens with `models.clapsep.load` too.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..clap import HtsatDims
from ..clapsep import CLAPSep, Dims, Separator, fill, load, state_of
from ..present import without_clap
from . import checkpoint
from .cue_files import CueEncoders
from .runner import Place
from .sound_evaluate import Encoders


def content_of(separator: Separator, figures: dict[str, Any]) -> dict[str, Any]:
    """What best.pt holds."""
    return {"dims": asdict(separator.dims), "weights": state_of(separator), "figures": figures}


def open_separator(file: Path) -> Separator:
    """Build the separator of a best.pt. Raises: ValueError if it is another network's."""
    content = checkpoint.load(file)
    if "htsat" not in content.get("dims", {}):
        raise ValueError(without_clap(file))
    separator = Separator(dims_of(content["dims"]))
    fill(separator, content["weights"], file)
    return separator.eval().requires_grad_(False)


class ClapEncoders:
    """CLAP's cues, as `CueEncoders` gives those of the compact networks."""

    def __init__(self, net: CLAPSep) -> None:
        self._net = net

    def of_text(self, text: str) -> Tensor:
        """(512,) cue of some words."""
        return self._net.embed_text([text])[0]

    @torch.no_grad()
    def of_clip(self, audio: Tensor) -> Tensor:
        """(T,) audio at 32 kHz -> (512,) cue."""
        separator = self._net.separator
        copy = separator.copy_48k(audio[None].to(separator.window.device))
        return self._net.embed_audio(copy)[0]


def open_full(
    weights: Path, clap: Path | None, tokenizer: Path | None, cues: Path | None
) -> tuple[Separator, Encoders]:
    """A full model and what makes its cues, on a GPU if there is one.

    Args:
        clap, tokenizer: as in `clapsep.load`; weights may be the authors'.
        cues: without `clap`, the folder of `fit-cues`; weights are a best.pt of a reduced model.
    Raises: FileNotFoundError, ValueError.
    """
    device = Place.find().device
    if clap is not None:
        net = load(weights, clap, tokenizer).to(device)
        return net.separator, ClapEncoders(net)
    if cues is None:
        raise ValueError("wanted --clap for the full model, or --cues for a reduced one")
    return open_separator(weights).to(device), CueEncoders.open(cues)


def dims_of(content: dict[str, Any]) -> Dims:
    """Rebuild dims from the plain values of a checkpoint."""
    htsat: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list | tuple) else value
        for name, value in content["htsat"].items()
    }
    return Dims(**{**content, "htsat": HtsatDims(**htsat)})
