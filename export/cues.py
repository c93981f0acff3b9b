"""Make the `text-cue` and `audio-cue` bundles from trained cue encoders.

    python -m tap_live.models.training fit-cues DATA CUES
    python -m tap_live.export.cues CUES [FOLDER]

Weights of the audio encoder and the table's vectors are 8-bit integers on disk, with a scale for
each row or channel. The arithmetic is fp32.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from tap_live.bundle import (
    FORMAT,
    Bundle,
    GraphSpec,
    Manifest,
    TensorSpec,
    file_spec,
    open_bundle,
    write_manifest,
)
from tap_live.cues import audio as run_audio
from tap_live.cues.features import BANDS, RATE, WINDOW_FRAMES
from tap_live.export.rounding import packed, unpacked
from tap_live.export.storing import bytes_of, files_of, save
from tap_live.export.verify import verify
from tap_live.models.cues import LOWEST, WIDTH, AudioCueEncoder, TextCueTable
from tap_live.models.training.cue_files import CueEncoders
from tap_live.models.training.labels import Kinds
from tap_live.models.training.present import MINILM_PACKAGE
from tap_live.runtime import Engine, State, Tensors

OPSET = 18
TABLES = ("table.npz", "pieces.txt", "likes.npz", "sayings.txt")
MADE_BY = "python -m tap_live.export.cues"
DATA = (
    "ESC-10 (CC BY), OLPC/Berklee sound library (CC BY), noise-of-life (CC0 and others of "
    "freesound), Scratch 1.4 media (CC BY-SA), Sonic Pi samples (CC0), FluidR3 renders (MIT), "
    "blanket, OpenSoundEffects, opsound, librosa and freedesktop sounds (CC0, CC BY, CC BY-SA)"
)
MINILM = f"all-MiniLM-L6-v2 ({MINILM_PACKAGE}, PyPI), Apache-2.0"

AUDIO_CARD = """\
# audio-cue

An example clip as {width} numbers, in the space of `text-cue`: convolutions over {bands} mel bands
every 20 ms, mean and maximum over windows of 3 s, a unit vector. It was trained so that a clip lies
where the MiniLM sentences about it lie (contrast with how {kinds} kinds of sound are said, and
regression).

- **Data:** 3290 clips, 3.9 h, split `train`: {data}.
- **Teacher:** {minilm}.
- **Made by:** `python -m tap_live.models.training fit-cues DATA CUES --epochs 10`, 40 and 90 more
  from there (`--start`, seeds 1 and 2; 21 minutes of a core), then `{made_by} CUES`. After 10, 50
  and 140 epochs R@1 is 0.41, 0.54 and 0.57 on these clips, 0.49, 0.84 and 0.97 on those that it
  learned from: it wants more clips, not more time.
- **Size:** {parameters:,} parameters, {bytes:,} bytes: 8-bit integers with a scale for each row
  or channel.
- **Figures** on 593 clips of split `dev`, kinds asked for by their sayings out of {kinds}:
{figures}
  - dev clips, MiniLM, with the weights rounded as they lie here: R@1 0.568, R@5 0.676, mAP 0.474
- **Checked:** against PyTorch to 1e-4 (`tests/export/test_cues.py`).
- **Limits:** it knows the {kinds} kinds in `models/training/sounds.txt`, some from very few clips;
  of other sounds it says what they resemble. One sound a clip: of a mixture it gives a mean. Level
  makes no difference; noise under a clip does.
"""
TEXT_CARD = """\
# text-cue

Short English descriptions of sounds as {width} numbers, in the space of `audio-cue`: a vector for
each of {pieces:,} words and word pieces, summed. The space is the part of MiniLM's in which
captions of sounds vary ({width} of 384 directions, their mean taken off), and the table was
distilled from MiniLM. The sum is then moved half of the way to what the kinds of sound are like
whose names lie nearest: the mean cue of a kind's training clips ({kinds} kinds, {likes:,} ways to
say them, the captions of training clips among them), as `audio-cue` gave it after ten epochs: what
it learned later tells apart what sounds alike. Cues of example clips are moved likewise.

- **Teacher:** {minilm}; its most frequent words are the table's.
- **Made by:** `python -m tap_live.models.training fit-cues DATA CUES`, then `{made_by} CUES`.
  The sentences are made from templates (`models/training/captions.py`).
- **Size:** {bytes:,} bytes: 8-bit numbers, a scale for each piece; clips of kinds in fp16.
- **Figures** ("table" beside "MiniLM" is what the table loses), before it is moved:
{figures}
- **Limits:** English. The order of words tells it nothing ("not a dog" asks for a dog). What
  is far from every kind of sound is moved to the nearest all the same ("wedding" to crowd): below
  a cosine of 0.6, and of sentences, users are told what was understood.
  Words that it does not know, and cannot put together from pieces of three letters, are refused
  by name. A word of another language that is spelt like an English one is taken for it.
"""


def export(cues: Path, folder: Path, sayings: Sequence[str] | None = None) -> tuple[Bundle, Bundle]:
    """Write `text-cue` and `audio-cue` below `folder` and compare the graph with PyTorch.

    Args:
        sayings: how each kind is said, as they were when the encoders were trained.
    Raises: ParityError if the graph computes something else; ValueError if the kinds are more or
        fewer.
    """
    said = list(sayings or [kind.sayings[0] for kind in Kinds.open().kinds])
    encoders = CueEncoders.open(cues)
    told = json.loads((cues / "audio.json").read_text())
    figures = "\n".join(f"  - {name}: {figure}" for name, figure in told["figures"].items())
    text = _export_text(encoders, folder / "text-cue", figures, said)
    return text, _export_audio(encoders.audio, folder / "audio-cue", figures, told["kinds"])


def _export_text(encoders: CueEncoders, folder: Path, figures: str, said: list[str]) -> Bundle:
    likes = encoders.likes
    if len(said) != len(likes.clips):
        raise ValueError(
            f"wanted the {len(likes.clips)} kinds that the encoders were trained with, "
            f"found {len(said)} in the table of kinds: run fit-cues again"
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sayings.txt").write_text("\n".join(said) + "\n", encoding="utf-8")
    steps, scales = packed(added(encoders.table))
    np.savez_compressed(folder / "table.npz", steps=steps, scales=scales)
    pieces = encoders.vocabulary.pieces
    (folder / "pieces.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    steps, scales = packed(likes.sayings.numpy())
    np.savez_compressed(
        folder / "likes.npz",
        steps=steps,
        scales=scales,
        kinds=likes.kinds.numpy().astype(np.int16),
        clips=likes.clips.numpy().astype(np.float16),
    )
    size = sum((folder / file).stat().st_size for file in TABLES)
    card = TEXT_CARD.format(
        width=WIDTH,
        pieces=len(pieces),
        likes=len(likes.sayings),
        kinds=len(said),
        minilm=MINILM,
        made_by=MADE_BY,
        bytes=size,
        figures=figures,
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
    files = (*TABLES, "README.md")
    write_manifest(folder, _manifest(folder, "text-cue", files, {}, (MINILM,)))
    return open_bundle(folder, "text-cue")


def added(table: TextCueTable) -> NDArray[np.float32]:
    """(N, width) what each piece adds to a sum."""
    rows: NDArray[np.float32] = (table.vectors * table.weights.exp()[:, None]).detach().numpy()
    return rows


def _export_audio(encoder: AudioCueEncoder, folder: Path, figures: str, kinds: int) -> Bundle:
    folder.mkdir(parents=True, exist_ok=True)
    fused = fuse(encoder)
    graph = folder / "audio.onnx"
    save(build(fused), graph)
    card = AUDIO_CARD.format(
        width=WIDTH,
        bands=BANDS,
        kinds=kinds,
        data=DATA,
        minilm=MINILM,
        made_by=MADE_BY,
        parameters=sum(weight.numel() for weight in encoder.parameters()),
        bytes=bytes_of(graph),
        figures=figures,
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
    files = (*files_of(graph), "README.md")
    manifest = _manifest(folder, "audio-cue", files, {"windows": SPEC}, (DATA, MINILM))
    write_manifest(folder, manifest)
    bundle = open_bundle(folder, "audio-cue")
    verify(TorchBackend(fused), Engine(bundle, "windows"), noise_stream())
    return bundle


def fuse(encoder: AudioCueEncoder) -> AudioCueEncoder:
    """Put the norms into the convolutions and round weights as they lie on disk."""
    fused = AudioCueEncoder(encoder.dims)
    fused.load_state_dict(encoder.state_dict())
    fused.eval()
    layers: list[nn.Module] = []
    for layer in fused.layers:
        if isinstance(layer, nn.BatchNorm2d):
            convolution = layers.pop()
            assert isinstance(convolution, nn.Conv2d)
            layers.append(fuse_conv_bn_eval(convolution, layer))
        else:
            layers.append(layer)
    fused.layers = nn.Sequential(*layers)
    with torch.no_grad():
        for weight in fused.parameters():
            weight.copy_(weight.half().float())
        for layer in [*fused.layers, *fused.head]:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                rows = unpacked(*packed(layer.weight.flatten(1).numpy()))
                layer.weight.copy_(torch.from_numpy(rows).view_as(layer.weight))
    return fused


class TorchBackend:
    """The network in PyTorch, with the signature of the graph."""

    def __init__(self, encoder: AudioCueEncoder) -> None:
        self._encoder = encoder

    def initial_state(self) -> State:
        return {}

    @torch.no_grad()
    def step(self, inputs: Tensors, state: State) -> tuple[Tensors, State]:
        return {"cue": self._encoder(torch.from_numpy(inputs["mel"])).numpy()}, state


def noise_stream(steps: int = 4, rows: int = 3, seed: int = 0) -> list[dict[str, NDArray[Any]]]:
    """Windows with the spread of power that sounds have, some of it below what is told apart."""
    rng = np.random.default_rng(seed)
    shape = (rows, WINDOW_FRAMES, BANDS)
    return [{"mel": (10 ** rng.normal(-3, 2, shape)).astype(np.float32)} for _ in range(steps)]


def build(encoder: AudioCueEncoder) -> onnx.ModelProto:
    """Write a fused network as ONNX: `cue = f(mel)`."""
    graph = _Graph()
    graph.constant("all", np.array([1, 2], np.int64))
    graph.add("ReduceMean", ["mel", "all"], "level", keepdims=1)
    graph.constant("nothing", np.array(1e-20, np.float32))
    graph.constant("lowest", np.array(LOWEST, np.float32))
    graph.constant("decade", np.array(1 / np.log(10), np.float32))
    graph.add("Add", ["level", "nothing"], "some")
    graph.add("Div", ["mel", "some"], "share")
    graph.add("Add", ["share", "lowest"], "raised")
    graph.add("Log", ["raised"], "logarithm")
    graph.add("Mul", ["logarithm", "decade"], "decades")
    graph.constant("channel", np.array([1], np.int64))
    graph.add("Unsqueeze", ["decades", "channel"], "x0")
    convolutions = [layer for layer in encoder.layers if isinstance(layer, nn.Conv2d)]
    for number, layer in enumerate(convolutions):
        weight = graph.eighths(f"conv{number}_weight", layer.weight)
        bias = graph.half(f"conv{number}_bias", layer.bias)
        pad = int(layer.padding[0])
        options = {"strides": list(layer.stride), "pads": [pad] * 4}
        graph.add("Conv", [f"x{number}", weight, bias], f"y{number}", **options)
        graph.add("Relu", [f"y{number}"], f"x{number + 1}")
    graph.add("Transpose", [f"x{len(convolutions)}"], "turned", perm=[0, 1, 3, 2])
    graph.constant("flat", np.array([0, -1, encoder_frames(encoder)], np.int64))
    graph.add("Reshape", ["turned", "flat"], "rows")
    graph.constant("time", np.array([2], np.int64))
    graph.add("ReduceMean", ["rows", "time"], "mean", keepdims=0)
    graph.add("ReduceMax", ["rows", "time"], "largest", keepdims=0)
    graph.add("Concat", ["mean", "largest"], "pooled", axis=1)
    source = "pooled"
    linears = [layer for layer in encoder.head if isinstance(layer, nn.Linear)]
    for number, linear in enumerate(linears):
        weight = graph.eighths(f"linear{number}_weight", linear.weight)
        bias = graph.half(f"linear{number}_bias", linear.bias)
        graph.add("Gemm", [source, weight, bias], f"z{number}", transB=1)
        source = f"z{number}"
        if number + 1 < len(linears):
            graph.add("Relu", [source], f"{source}_positive")
            source = f"{source}_positive"
    graph.add("LpNormalization", [source], "cue", axis=-1, p=2)
    return graph.model()


def encoder_frames(encoder: AudioCueEncoder) -> int:
    """Frames of a window that are left after the convolutions: each halves them, rounding up."""
    frames = WINDOW_FRAMES
    for _ in encoder.dims.channels:
        frames = -(-frames // 2)
    return frames


class _Graph:
    """Collect nodes and weights."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))

    def constant(self, name: str, value: NDArray[Any]) -> None:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))

    def half(self, name: str, value: torch.Tensor | None) -> str:
        """Store a weight as fp16; ONNX Runtime widens it once, as it loads."""
        assert value is not None
        self.constant(f"{name}_half", value.detach().numpy().astype(np.float16))
        self.add("Cast", [f"{name}_half"], name, to=TensorProto.FLOAT)
        return name

    def eighths(self, name: str, value: torch.Tensor) -> str:
        """Store a matrix, or kernels, as 8-bit steps of a scale for each row, likewise."""
        steps, scales = packed(value.detach().flatten(1).numpy())
        self.constant(f"{name}_steps", steps.reshape(value.shape))
        self.add("Cast", [f"{name}_steps"], f"{name}_whole", to=TensorProto.FLOAT)
        scale = self.half(
            f"{name}_scale", torch.from_numpy(scales.reshape(-1, *[1] * (value.dim() - 1)))
        )
        self.add("Mul", [f"{name}_whole", scale], name)
        return name

    def model(self) -> onnx.ModelProto:
        def tensors(specs: tuple[TensorSpec, ...]) -> list[onnx.ValueInfoProto]:
            return [
                helper.make_tensor_value_info(s.name, TensorProto.FLOAT, s.shape) for s in specs
            ]

        graph = helper.make_graph(
            self._nodes, "audio-cue", tensors(SPEC.inputs), tensors(SPEC.outputs), self._constants
        )
        model = helper.make_model(
            graph, ir_version=10, opset_imports=[helper.make_opsetid("", OPSET)]
        )
        onnx.checker.check_model(model, full_check=True)
        return model


SPEC = GraphSpec(
    "audio.onnx",
    inputs=(TensorSpec("mel", "float32", ("windows", WINDOW_FRAMES, BANDS)),),
    outputs=(TensorSpec("cue", "float32", ("windows", WIDTH)),),
)


def _manifest(
    folder: Path,
    name: str,
    files: tuple[str, ...],
    graphs: dict[str, GraphSpec],
    sources: tuple[str, ...],
) -> Manifest:
    return Manifest(
        format=FORMAT,
        name=name,
        kind=name,
        licence="Apache-2.0",
        made_by=MADE_BY,
        sources=sources,
        files={file: file_spec(folder / file) for file in files},
        graphs=graphs,
        rate=RATE if graphs else None,
    )


def main(cues: Path, folder: Path = run_audio.BUNDLE.parent) -> None:
    for bundle in export(cues, folder):
        print(bundle.folder)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
