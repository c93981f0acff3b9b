"""Checkpoints: dims, weights and figures; never classes, so no pickle of ours is ever loaded."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from ..compact import CompactExtractor, Dims
from .whole import written_whole


def save(file: Path, content: dict[str, Any]) -> None:
    """Write so that a crash leaves either the old checkpoint or the new one."""
    with written_whole(file) as part:
        torch.save(content, part)


def load(file: Path, device: str | torch.device = "cpu") -> dict[str, Any]:
    """Read a checkpoint; only tensors and plain values are accepted."""
    content: dict[str, Any] = torch.load(file, weights_only=True, map_location=device)
    return content


def dims_from(content: dict[str, Any]) -> Dims:
    """Rebuild dims from the plain values of a checkpoint."""
    bands = tuple((int(bins), int(count)) for bins, count in content["bands"])
    return Dims(**{**content, "bands": bands})


def open_network(file: Path) -> CompactExtractor:
    """Build the network of a checkpoint: best.pt, or the .safetensors made from it."""
    if file.suffix == ".safetensors":
        dims = json.loads(file.with_suffix(".json").read_text())["dims"]
        weights = {name: tensor.float() for name, tensor in load_file(file).items()}
    else:
        content = load(file)
        dims, weights = content["dims"], content["weights"]
    net = CompactExtractor(dims_from(dims))
    net.load_state_dict(weights)
    return net.eval()


def write_average(files: Sequence[Path], out: Path) -> None:
    """Write a best.pt whose weights are the mean of those of several, each as often as it is given.

    Runs that began with the same weights lie in one valley of the loss; their mean is often
    better than each of them. It is not measured: no figures are in it.

    Source: Wortsman et al., "Model soups", arXiv:2203.05482.
    Raises: ValueError if they are no compact extractors, or not of the same sizes.
    """
    contents = [load(file) for file in files]
    first = contents[0]
    for file, content in zip(files, contents, strict=True):
        if "dims" not in content:
            raise ValueError(f"wanted best.pt of compact extractors, {file} is none")
        if content["dims"] != first["dims"]:
            raise ValueError(f"wanted networks of the same sizes, {file} is none of {files[0]}'s")
    weights = {
        name: torch.stack([content["weights"][name] for content in contents]).mean(0)
        for name in first["weights"]
    }
    save(out, {"dims": first["dims"], "weights": weights, "figures": {}})


def write_half(net: CompactExtractor, file: Path, about: dict[str, Any]) -> None:
    """Write weights as fp16 safetensors, with dims and whatever is to be told as JSON beside."""
    weights = {name: tensor.half().contiguous() for name, tensor in net.state_dict().items()}
    save_file(weights, file)
    told = {"dims": asdict(net.dims), **about}
    file.with_suffix(".json").write_text(json.dumps(told, indent=1))
