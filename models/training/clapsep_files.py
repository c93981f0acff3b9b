"""Checkpoints of separators that were trained here: dims, and weights by the authors' names.

A full-size one opens with `models.clapsep.load` too.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..clap import HtsatDims
from ..clapsep import Dims, Separator, fill, state_of
from . import checkpoint


def content_of(separator: Separator, figures: dict[str, Any]) -> dict[str, Any]:
    """What best.pt holds."""
    return {"dims": asdict(separator.dims), "weights": state_of(separator), "figures": figures}


def open_separator(file: Path) -> Separator:
    """Build the separator of a best.pt. Raises: ValueError if it is another network's."""
    content = checkpoint.load(file)
    if "htsat" not in content.get("dims", {}):
        raise ValueError(
            f"wanted a separator's best.pt, found none in {file}; the authors' best_model.ckpt "
            "goes with --clap"
        )
    separator = Separator(dims_of(content["dims"]))
    fill(separator, content["weights"], file)
    return separator.eval().requires_grad_(False)


def dims_of(content: dict[str, Any]) -> Dims:
    """Rebuild dims from the plain values of a checkpoint."""
    htsat: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list | tuple) else value
        for name, value in content["htsat"].items()
    }
    return Dims(**{**content, "htsat": HtsatDims(**htsat)})
