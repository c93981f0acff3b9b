"""Vocoders in files: HiFi-GAN in the public layout of jik876, which training keeps too; Vocos."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from .vocoder import Generator, Vocoder, VocoderDims
from .vocoder_mel import MelDims
from .vocos import Vocos, VocosDims

AnyDims: TypeAlias = VocoderDims | VocosDims


def dims_of(config: Mapping[str, Any]) -> VocoderDims:
    """Read the config.json that lies beside a public checkpoint.

    Raises: ValueError naming what is missing, or cannot be.
    """
    try:
        fft, window = int(config["n_fft"]), int(config.get("win_size", config["n_fft"]))
        mel = MelDims(
            rate=int(config["sampling_rate"]), fft=fft, hop=int(config["hop_size"]),
            bands=int(config["num_mels"]), low=float(config["fmin"]), high=float(config["fmax"]),
        )  # fmt: skip
        dims = VocoderDims(
            mel=mel,
            rates=tuple(config["upsample_rates"]),
            kernels=tuple(config["upsample_kernel_sizes"]),
            channels=int(config["upsample_initial_channel"]),
            pairs=str(config["resblock"]) == "1",
            block_kernels=tuple(config["resblock_kernel_sizes"]),
            dilations=tuple(map(tuple, config["resblock_dilation_sizes"])),
        )
    except KeyError as error:
        raise ValueError(f"wanted a vocoder's {error} in its configuration, found none") from None
    except TypeError as error:
        raise ValueError(f"wanted a vocoder's sizes in its configuration: {error}") from None
    if window != fft:
        raise ValueError(f"wanted a window as long as the {fft} of n_fft, found {window}")
    return dims


def config_of(dims: VocoderDims) -> dict[str, Any]:
    """What `dims_of` reads."""
    mel = dims.mel
    return {
        "sampling_rate": mel.rate, "n_fft": mel.fft, "win_size": mel.fft,
        "hop_size": mel.hop, "num_mels": mel.bands, "fmin": mel.low, "fmax": mel.high,
        "upsample_rates": list(dims.rates), "upsample_kernel_sizes": list(dims.kernels),
        "upsample_initial_channel": dims.channels, "resblock": "1" if dims.pairs else "2",
        "resblock_kernel_sizes": list(dims.block_kernels),
        "resblock_dilation_sizes": [list(its) for its in dims.dilations],
    }  # fmt: skip


def vocoder_of(dims: AnyDims) -> Vocoder:
    """A new network of these sizes."""
    return Vocos(dims) if isinstance(dims, VocosDims) else Generator(dims)


def open_vocoder(file: Path) -> Vocoder:
    """Read a vocoder: HiFi-GAN's public checkpoint with its config.json beside, or our best.pt.

    Raises: FileNotFoundError without a configuration; ValueError if it is none, or weights and
        sizes disagree.
    """
    content = torch.load(file, map_location="cpu", weights_only=True)
    if "vocos" in content:
        return _read_vocos(content)
    config = content["config"] if "config" in content else _beside(file.parent / "config.json")
    return read_generator(content.get("generator", content), dims_of(config))


def _beside(file: Path) -> Mapping[str, Any]:
    if not file.is_file():
        raise FileNotFoundError(f"wanted the vocoder's sizes in {file}, found no such file")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"wanted the vocoder's sizes in {file}, found no JSON: {error}") from None
    if not isinstance(config, dict):
        raise ValueError(f"wanted the vocoder's sizes in {file}, found a {type(config).__name__}")
    return config


def read_generator(state: Mapping[str, Tensor], dims: VocoderDims) -> Generator:
    """Build a generator from the public names, weight norm folded.

    Raises: ValueError naming what is missing, left over, or of another shape.
    """
    net, folded = Generator(dims), {}
    for name, value in state.items():
        if name.endswith("_v"):
            gain = state[f"{name[:-1]}g"]
            size = value.flatten(1).norm(dim=1).view(gain.shape)
            folded[name[:-2]] = value * (gain / size)
        elif not name.endswith("_g"):
            folded[name] = value
    try:
        net.load_state_dict(folded)
    except RuntimeError as error:
        raise ValueError(f"wanted a HiFi-GAN generator of these sizes: {error}") from None
    return net.eval()


def _read_vocos(content: Mapping[str, Any]) -> Vocos:
    dims = VocosDims(**{**content["dims"], "mel": MelDims(**content["dims"]["mel"])})
    net = Vocos(dims)
    try:
        net.load_state_dict(content["vocos"])
    except RuntimeError as error:
        raise ValueError(f"wanted a Vocos of these sizes: {error}") from None
    return net.eval()


def normed(net: Vocoder) -> Vocoder:
    """Put weight norm on every convolution of HiFi-GAN, in place, as it is trained."""
    for module in net.modules() if isinstance(net, Generator) else ():
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
            parametrizations.weight_norm(module)
    return net


def public_state(net: Generator) -> dict[str, Tensor]:
    """The weights of a `normed` generator by the public names."""
    names = {".parametrizations.weight.original0": ".weight_g",
             ".parametrizations.weight.original1": ".weight_v"}  # fmt: skip
    state = {}
    for name, value in net.state_dict().items():
        for own, public in names.items():
            name = name.replace(own, public)
        state[name] = value.clone()
    return state


def content_of(net: Vocoder) -> dict[str, Any]:
    """What a checkpoint of a `normed` vocoder holds; `open_vocoder` reads it."""
    if isinstance(net, Vocos):
        return {"vocos": net.state_dict(), "dims": asdict(net.dims)}
    assert isinstance(net, Generator) and parametrize.is_parametrized(net.conv_pre)
    return {"generator": public_state(net), "config": config_of(net.dims)}
