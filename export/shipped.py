"""Networks in PyTorch with the very weights of the graphs that ship, to be held against them.

Weights on disk are rounded, and these are the rounded ones: what may differ is what graph and
network compute.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from tap_live.bundle import Bundle, open_bundle
from tap_live.catalogue import BUNDLES
from tap_live.export.cues import fuse
from tap_live.extractors.network import OFFLINE
from tap_live.models.compact import CompactExtractor, Dims
from tap_live.models.cues import AudioCueEncoder, AudioDims
from tap_live.models.speaker import SpeakerEncoder

Weights: TypeAlias = dict[str, NDArray[np.float32]]
Net = TypeVar("Net", bound=nn.Module)

_PARTS = ("_steps", "_scale", "_shape")  # of what is stored in steps of a scale


def compact_net(name: str | Path) -> CompactExtractor:
    """The network of a compact extractor that ships, or of a bundle at an absolute path."""
    bundle = open_bundle(BUNDLES / name)
    stored = _stored(bundle, "step")
    weights = {  # `fine` has none: its sums follow from the sizes
        key.removeprefix("net."): value
        for key, value in stored.items()
        if key.startswith("net.") and not key.startswith("net.fine.")
    }
    cells = {key.rpartition(".")[0] for key in weights if key.endswith("_lstm.weight")}
    for lstm in cells:  # of networks that go hop by hop
        both, bias = weights.pop(f"{lstm}.weight").T, weights.pop(f"{lstm}.bias")
        width = len(both) // 4
        weights |= {f"{lstm}.weight_ih_l0": both[:, :-width], f"{lstm}.bias_ih_l0": bias}
        weights |= {f"{lstm}.weight_hh_l0": both[:, -width:], f"{lstm}.bias_hh_l0": 0 * bias}
    sequences = {key.removesuffix(".inward") for key in weights if key.endswith(".inward")}
    for lstm in sequences:  # of those that take stretches
        gates = [_gates(weights.pop(f"{lstm}.{part}")) for part in ("inward", "recurrent")]
        biases = np.split(weights.pop(f"{lstm}.bias"), 2, axis=1)
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        found = zip(names, [*gates, *map(_gates, biases)], strict=True)
        weights |= {f"{lstm}.{name}": value for name, value in found}
    dims = _dims(bundle, condition_width=len(weights["condition.linear.bias"]))
    return _filled(CompactExtractor(dims), weights)


def audio_cue_net() -> AudioCueEncoder:
    """The network of `audio-cue`, with the norms in the convolutions."""
    stored, dims = _stored(open_bundle(BUNDLES / "audio-cue"), "windows"), AudioDims()
    places = {f"conv{number}": f"layers.{2 * number}" for number in range(len(dims.channels))}
    places |= {"linear0": "head.1", "linear1": "head.4"}
    weights = {
        f"{place}.{part}": stored[f"{name}_{part}"]
        for name, place in places.items()
        for part in ("weight", "bias")
    }
    return _filled(fuse(AudioCueEncoder(dims)), weights)


def speaker_net() -> SpeakerEncoder:
    """The network of `speaker`."""
    stored, net = _stored(open_bundle(BUNDLES / "speaker"), "windows"), SpeakerEncoder()
    weights = {"linear.weight": stored["projection"], "linear.bias": stored["offset"]}
    for layer in range(net.lstm.num_layers):
        bias = _gates(stored[f"bias_{layer}_in"])
        weights |= {f"lstm.bias_ih_l{layer}": bias, f"lstm.bias_hh_l{layer}": 0 * bias}
        weights[f"lstm.weight_ih_l{layer}"] = _gates(stored[f"inward_{layer}"])
        weights[f"lstm.weight_hh_l{layer}"] = _gates(stored[f"recurrent_{layer}"])
    return _filled(net, weights)


def _dims(bundle: Bundle, condition_width: int) -> Dims:
    """The sizes that its inputs and states have; the width of what asks is in the weights alone."""
    spec = bundle.graph("step")
    shape = {one.input: one.shape for one in spec.state}
    blocks, _, width = shape["band_h"]
    kind, cue = bundle.manifest.kind.removesuffix("-extractor"), int(spec.inputs[1].shape[0])
    return Dims(
        kind=kind.removeprefix(OFFLINE),
        cue=cue,
        blocks=blocks,
        band_width=width,
        full_width=shape["full_h"][-1],
        past_hops=shape["past"][0] if "past" in shape else 0,
        future=len(spec.inputs[0].shape) == 3,
        condition_width=condition_width,
    )


def _stored(bundle: Bundle, graph: str) -> Weights:
    """A graph's weights by their names: as they are, in fp16, or in steps of a scale."""
    tensors = onnx.load(bundle.path(bundle.graph(graph).file)).graph.initializer
    held = {one.name.removesuffix("_half"): numpy_helper.to_array(one) for one in tensors}
    weights = {name: values.astype(np.float32) for name, values in held.items()}
    for name in [one.removesuffix("_steps") for one in held if one.endswith("_steps")]:
        steps, shape = held[f"{name}_steps"], held.get(f"{name}_shape")
        largest = 32767 if steps.dtype == np.int16 else 1  # of 16 bits a scale is the range
        values = weights[f"{name}_steps"] / np.float32(largest) * weights[f"{name}_scale"]
        weights[name] = values if shape is None else values.reshape(shape)
    return {name: weights[name] for name in weights if not name.endswith(_PARTS)}


def _gates(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """ONNX's gates of one LSTM, (1, 4 H, ...) in the order i, o, f, c, in PyTorch's: i, f, c, o."""
    i, o, f, c = np.split(values[0], 4)
    return np.concatenate([i, f, c, o])


def _filled(net: Net, weights: Mapping[str, NDArray[np.float32]]) -> Net:
    """Raises: RuntimeError if weights are missing, too many, or of another shape."""
    state = {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in weights.items()}
    net.load_state_dict(state)
    return net.eval()
