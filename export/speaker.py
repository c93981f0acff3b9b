"""Make the `speaker` bundle from the GE2E weights in the PyPI package `Resemblyzer`.

    pip install --no-deps Resemblyzer==0.1.4
    python -m tap_live.export.speaker [FOLDER]

The package needs librosa and a compiler; its weights do not. They are read with
`weights_only=True`, so nothing in the file is executed.
"""

import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch.nn import functional as F

from tap_live.bundle import (
    FORMAT,
    Bundle,
    FileSpec,
    GraphSpec,
    Manifest,
    TensorSpec,
    check_file,
    file_spec,
    open_bundle,
    write_manifest,
)
from tap_live.errors import BundleError
from tap_live.export.storing import bytes_of, files_of, save
from tap_live.export.verify import verify
from tap_live.models.speaker import SpeakerEncoder
from tap_live.runtime import Engine, State, Tensors
from tap_live.voices.encoder import BUNDLE, LAYERS, WIDTH
from tap_live.voices.features import BANDS, RATE

VERSION = "0.1.4"
WEIGHTS = FileSpec(
    bytes=17_090_379, sha256="39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
)
OPSET = 18
CARD = """\
# speaker

Who speaks, as 256 numbers: the GE2E encoder of Wan et al. (arXiv:1710.10467) with the weights of
Resemblyzer {version}. Three LSTM layers of {width} over 40 power mel bands (not logarithmic) every
10 ms; the last state, through a linear layer and a ReLU, is a unit vector. Trained on windows of
1.6 s. The LSTM's state goes in and out, so that windows can be read in pieces.

- **From:** `pretrained.pt` in the PyPI package `Resemblyzer` {version} (sha256 {sha:.12}…),
  © Resemble AI and Corentin Jemine, Apache-2.0 (`LICENSE`). Its authors trained it on LibriSpeech
  (the "other" parts), VoxCeleb1 and VoxCeleb2.
- **Made by:** `python -m tap_live.export.speaker`
- **Size:** {parameters:,} parameters, {bytes:,} bytes. The weights are 16-bit integers with one
  scale for every {group} of them (32 in the first recurrent layer, where it matters), the first
  input layer is fp32: a fifth of the error of fp16 at the same size.
- **Checked:** embeddings of the original program, windows and whole recordings, to 1e-4
  (`tests/tap_live/voices/test_encoder.py`); this graph against PyTorch
  (`tests/export/test_speaker.py`).
- **Limits:** level matters (there is no logarithm): bring speech to about -28 dBFS. Long silence
  inside a window, and windows well under 1.6 s, make it less sure. Mostly English, read speech.
"""


def package_file(name: str) -> Path:
    """Find a file of the installed package without importing it (that would need librosa).

    Raises: BundleError if the package is absent or another version.
    """
    hint = f"`pip install --no-deps Resemblyzer=={VERSION}`"
    try:
        found = version("Resemblyzer")
    except PackageNotFoundError:
        raise BundleError(f"Resemblyzer is not installed: {hint}") from None
    if found != VERSION:
        raise BundleError(f"wanted Resemblyzer {VERSION}, found {found}: {hint}")
    spec = find_spec("resemblyzer")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / name


def export(folder: Path = BUNDLE) -> Bundle:
    """Write the bundle into `folder` and compare it with PyTorch.

    Raises: BundleError as `package_file`; ParityError if the graph computes something else.
    """
    weights = package_file("pretrained.pt")
    check_file(weights, WEIGHTS, "Resemblyzer")
    encoder = SpeakerEncoder.open(weights)
    folder.mkdir(parents=True, exist_ok=True)
    graph = folder / "speaker.onnx"
    save(build(encoder), graph)
    licence = weights.parents[1] / f"Resemblyzer-{VERSION}.dist-info" / "LICENSE"
    (folder / "LICENSE").write_bytes(licence.read_bytes())
    card = CARD.format(
        version=VERSION,
        width=WIDTH,
        sha=WEIGHTS.sha256,
        parameters=sum(weight.numel() for weight in encoder.parameters()),
        bytes=bytes_of(graph),
        group=GROUP,
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
    write_manifest(folder, _manifest(folder))
    bundle = open_bundle(folder, "speaker")
    verify(TorchBackend(encoder), Engine(bundle, "windows"), noise_stream(), tolerance=1e-3)
    return bundle


class TorchBackend:
    """The network in PyTorch, with the signature of the graph."""

    def __init__(self, encoder: SpeakerEncoder) -> None:
        self._encoder = encoder

    def initial_state(self) -> State:
        return {}

    @torch.no_grad()
    def step(self, inputs: Tensors, state: State) -> tuple[Tensors, State]:
        mel, hidden, cell = (torch.from_numpy(inputs[name]) for name in ("mel", "hidden", "cell"))
        _, (hidden, cell) = self._encoder.lstm(mel, (hidden, cell))
        embedding = F.normalize(torch.relu(self._encoder.linear(hidden[-1])), dim=-1)
        outputs = {"embedding": embedding, "hidden_out": hidden, "cell_out": cell}
        return {name: value.numpy() for name, value in outputs.items()}, state


def noise_stream(steps: int = 8, rows: int = 3, seed: int = 0) -> list[dict[str, NDArray[Any]]]:
    """Inputs like speech: frames whose bands have speech's spread of power."""
    rng = np.random.default_rng(seed)
    shape = (LAYERS, rows, WIDTH)
    stream = []
    for _ in range(steps):
        power = 10 ** rng.normal(-3, 1, (rows, 1, BANDS)) * 10 ** rng.normal(0, 0.5, (rows, 160, 1))
        state = {name: rng.normal(0, 0.3, shape).astype(np.float32) for name in ("hidden", "cell")}
        stream.append({"mel": power.astype(np.float32), **state})
    return stream


GROUP = 64  # weights that share a scale


def build(encoder: SpeakerEncoder) -> onnx.ModelProto:
    """Write the network as ONNX: `embedding, hidden_out, cell_out = f(mel, hidden, cell)`."""
    graph = _Graph()
    graph.add("Transpose", ["mel"], "frames", perm=[1, 0, 2])  # (F, B, 40)
    for name in ("hidden", "cell"):
        graph.add("Split", [name], *[f"{name}_{k}" for k in range(LAYERS)], num_outputs=LAYERS)
    layer_input = "frames"
    for k in range(LAYERS):
        layer_input = _layer(graph, encoder, k, layer_input)
    for name in ("hidden", "cell"):
        graph.add("Concat", [f"{name}_{k}_out" for k in range(LAYERS)], f"{name}_out", axis=0)
    graph.constant("first", np.zeros(1, np.int64))
    graph.add("Squeeze", [f"hidden_{LAYERS - 1}_out", "first"], "top")  # (B, 256)
    graph.packed("projection", encoder.linear.weight, GROUP)
    graph.constant("offset", encoder.linear.bias.detach().numpy())
    graph.add("Gemm", ["top", "projection", "offset"], "projected", transB=1)
    graph.add("Relu", ["projected"], "positive")
    graph.add("LpNormalization", ["positive"], "embedding", axis=-1, p=2)
    return graph.model()


def _layer(graph: "_Graph", encoder: SpeakerEncoder, k: int, source: str) -> str:
    """Add one LSTM layer; return the name of its output, (F, B, 256)."""
    weights = {name: value.detach() for name, value in encoder.lstm.named_parameters()}
    inward, recurrent = (_gates(weights[f"weight_{kind}_l{k}"]) for kind in ("ih", "hh"))
    bias = _gates(weights[f"bias_ih_l{k}"] + weights[f"bias_hh_l{k}"])
    if k == 0:  # mel power spans many decades, and so do these
        graph.constant("inward_0", inward[None].numpy())
    else:
        graph.packed(f"inward_{k}", inward[None], GROUP)
    graph.packed(f"recurrent_{k}", recurrent[None], 32 if k == 0 else GROUP)
    graph.constant(f"bias_{k}_in", bias[None].numpy())
    if k == 0:
        graph.constant("bias_size", np.array([1, 4 * WIDTH], np.int64))
        graph.add("ConstantOfShape", ["bias_size"], "bias_zero")
    graph.add("Concat", [f"bias_{k}_in", "bias_zero"], f"bias_{k}", axis=1)
    state = [f"hidden_{k}", f"cell_{k}"]
    inputs = [source, f"inward_{k}", f"recurrent_{k}", f"bias_{k}", "", *state]
    outputs = [f"all_{k}", f"hidden_{k}_out", f"cell_{k}_out"]
    graph.add("LSTM", inputs, *outputs, hidden_size=WIDTH)
    if k == 0:
        graph.constant("direction", np.ones(1, np.int64))
    graph.add("Squeeze", [f"all_{k}", "direction"], f"layer_{k}")
    return f"layer_{k}"


def _gates(weight: torch.Tensor) -> torch.Tensor:
    """Reorder PyTorch's gates (input, forget, cell, output) to ONNX's (i, o, f, c)."""
    i, f, c, o = weight.chunk(4)
    return torch.cat([i, o, f, c])


class _Graph:
    """Collect nodes and weights."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self.constant("unit", np.array(1 / 32767, np.float32))

    def add(self, kind: str, inputs: list[str], *outputs: str, **attributes: Any) -> None:
        self._nodes.append(helper.make_node(kind, inputs, list(outputs), **attributes))

    def constant(self, name: str, value: NDArray[Any]) -> None:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))

    def packed(self, name: str, weight: torch.Tensor, group: int) -> None:
        """Store a weight as int16 with an fp16 scale for each `group` along its rows.

        The arithmetic is on constants: ONNX Runtime does it once, as it loads.
        """
        values = weight.detach().numpy().reshape(-1, group)
        largest = np.abs(values).max(axis=1, keepdims=True)
        scale = (largest * 1.001).astype(np.float16)  # rounded up: nothing is clipped
        steps = np.round(values / scale.astype(np.float32) * 32767).astype(np.int16)
        self.constant(f"{name}_steps", steps)
        self.constant(f"{name}_scale", scale)
        self.constant(f"{name}_shape", np.array(weight.shape, np.int64))
        self.add("Cast", [f"{name}_steps"], f"{name}_float", to=TensorProto.FLOAT)
        self.add("Cast", [f"{name}_scale"], f"{name}_range", to=TensorProto.FLOAT)
        self.add("Mul", [f"{name}_float", "unit"], f"{name}_fraction")
        self.add("Mul", [f"{name}_fraction", f"{name}_range"], f"{name}_groups")
        self.add("Reshape", [f"{name}_groups", f"{name}_shape"], name)

    def model(self) -> onnx.ModelProto:
        def tensors(specs: tuple[TensorSpec, ...]) -> list[onnx.ValueInfoProto]:
            return [
                helper.make_tensor_value_info(s.name, TensorProto.FLOAT, s.shape) for s in specs
            ]

        graph = helper.make_graph(
            self._nodes, "speaker", tensors(SPEC.inputs), tensors(SPEC.outputs), self._constants
        )
        model = helper.make_model(
            graph, ir_version=10, opset_imports=[helper.make_opsetid("", OPSET)]
        )
        onnx.checker.check_model(model, full_check=True)
        return model


_STATE = (LAYERS, "windows", WIDTH)
SPEC = GraphSpec(
    "speaker.onnx",
    inputs=(
        TensorSpec("mel", "float32", ("windows", "frames", BANDS)),
        TensorSpec("hidden", "float32", _STATE),
        TensorSpec("cell", "float32", _STATE),
    ),
    outputs=(
        TensorSpec("embedding", "float32", ("windows", WIDTH)),
        TensorSpec("hidden_out", "float32", _STATE),
        TensorSpec("cell_out", "float32", _STATE),
    ),
)


def _manifest(folder: Path) -> Manifest:
    files = (*files_of(folder / "speaker.onnx"), "LICENSE", "README.md")
    return Manifest(
        format=FORMAT,
        name="speaker",
        kind="speaker",
        licence="Apache-2.0",
        made_by="python -m tap_live.export.speaker",
        sources=(f"Resemblyzer {VERSION} (PyPI), Apache-2.0",),
        files={file: file_spec(folder / file) for file in files},
        graphs={"windows": SPEC},
        rate=RATE,
    )


if __name__ == "__main__":
    print(export(*map(Path, sys.argv[1:])).folder)
