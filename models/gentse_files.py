"""The generative voice model in files: all of it but Whisper's own weights."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from .gentse import GenDims, GenTSE
from .ts_whisper import open_whisper
from .vocoder_mel import MelDims


def content_of(net: GenTSE) -> dict[str, Any]:
    """What a checkpoint holds; `load` reads it."""
    return {"dims": asdict(net.dims), "weights": net.learned()}


def load(checkpoint: Path, whisper: Path) -> GenTSE:
    """Open a model.

    Args:
        checkpoint: best.pt of a training run.
        whisper: the Whisper that it was trained with, as `ts_whisper.open_whisper` takes it.

    Raises: ValueError if the two do not fit.
    """
    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    if "dims" not in content or "weights" not in content:
        raise ValueError(f"wanted a generative model's best.pt, found none in {checkpoint}")
    dims = GenDims(**{**content["dims"], "mel": MelDims(**content["dims"]["mel"])})
    net = GenTSE(dims, open_whisper(whisper))
    wanted = net.learned()
    apart = [name for name, part in content["weights"].items()
             if name not in wanted or wanted[name].shape != part.shape]  # fmt: skip
    if apart or wanted.keys() - content["weights"].keys():
        raise ValueError(
            f"the weights in {checkpoint} are for another Whisper: {(apart or ['too few'])[0]}"
        )
    net.load_state_dict(content["weights"], strict=False)
    return net.eval()
