"""CLAPSep's networks as ONNX graphs, with what is heard (spectra, mel frames) outside.

hear        mel (1, frames, 64) -> features of every stage; once a context
find        features, magnitude (1, F, 513), cue (1, 2 W) -> mask (1, F, 513); once a target
audio-cue   mel (1, 1001, 64) -> cue (1, 512)
text-cue    tokens (1, 77), counts (1, 77) -> cue (1, 512)
"""

from collections.abc import Mapping, Sequence

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.export import Dim
from torch.nn import functional as F

from tap_live.export.inner_notes import unheard
from tap_live.models.clap import BANDS, HOP, PADDING, SAMPLES, TOKENS, Clap
from tap_live.models.clapsep import BINS, RATE, Separator

OPSET = 18
FRAMES_S = 100
LONGEST = 4000
_KINDS = {torch.float32: TensorProto.FLOAT, torch.int64: TensorProto.INT64}


class Hear(nn.Module):
    """The encoder: what the mixture sounds like."""

    def __init__(self, separator: Separator) -> None:
        super().__init__()
        self.branch = separator.audio_branch

    def forward(self, mel: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.branch.features(mel))


class Find(nn.Module):
    """The decoder: where in it the target is. A pair of cues is normalised here."""

    def __init__(self, separator: Separator) -> None:
        super().__init__()
        self.decoder = separator.decoder_model

    def forward(self, magnitude: Tensor, cue: Tensor, *features: Tensor) -> Tensor:
        sides = [F.normalize(side, dim=-1) for side in cue.chunk(2, dim=-1)]
        mask: Tensor = self.decoder(
            list(features), magnitude, F.normalize(torch.cat(sides, dim=-1), dim=-1)
        )
        return mask


class AudioCue(nn.Module):
    def __init__(self, clap: Clap) -> None:
        super().__init__()
        self.clap = clap

    def forward(self, mel: Tensor) -> Tensor:
        return self.clap.embed_mel(mel)


class TextCue(nn.Module):
    def __init__(self, clap: Clap) -> None:
        super().__init__()
        self.clap = clap

    def forward(self, tokens: Tensor, counts: Tensor) -> Tensor:
        return self.clap.embed_masked(tokens, counts)


class Traceable:
    """A module with named inputs and outputs, and inputs to trace it with.

    Args:
        axes: of inputs and outputs, that may have any length from 2 to `LONGEST`: their names.
    """

    def __init__(
        self,
        module: nn.Module,
        inputs: dict[str, Tensor],
        outputs: Sequence[str],
        axes: Mapping[str, Mapping[int, str]] | None = None,
    ) -> None:
        self.module = module.eval()
        self.inputs = inputs
        self.outputs = tuple(outputs)
        self.axes = axes or {}

    @torch.no_grad()
    def shapes(self) -> dict[str, tuple[int | str, ...]]:
        """The shapes of the outputs."""
        given = self.module(*self.inputs.values())
        parts = given if isinstance(given, tuple) else (given,)
        return {n: self.shape(n, part) for n, part in zip(self.outputs, parts, strict=True)}

    def shape(self, name: str, value: Tensor) -> tuple[int | str, ...]:
        """The shape of an input or output, with the names of its axes of any length."""
        named = self.axes.get(name, {})
        return tuple(named.get(axis, size) for axis, size in enumerate(value.shape))

    def build(self) -> onnx.ModelProto:
        """Trace it; the tracer's notes, which name files of the machine, are left out."""
        with unheard():
            program = torch.onnx.export(
                self.module,
                tuple(self.inputs.values()),
                input_names=list(self.inputs),
                output_names=list(self.outputs),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
                dynamic_shapes=self._lengths() if self.axes else None,
            )
        assert program is not None
        traced = program.model_proto
        for node in traced.graph.node:
            del node.metadata_props[:]
            node.doc_string = ""
        kinds = {name: _KINDS[value.dtype] for name, value in self.inputs.items()}
        graph = helper.make_graph(
            traced.graph.node,
            "clapsep",
            [_value(n, kinds[n], self.shape(n, v)) for n, v in self.inputs.items()],
            [_value(n, TensorProto.FLOAT, shape) for n, shape in self.shapes().items()],
            [
                numpy_helper.from_array(numpy_helper.to_array(t), t.name)
                for t in traced.graph.initializer
            ],
        )
        return helper.make_model(
            graph, ir_version=10, opset_imports=[helper.make_opsetid("", OPSET)]
        )

    def _lengths(self) -> tuple[dict[int, Dim] | None, ...]:
        names = {name for named in self.axes.values() for name in named.values()}
        dims = {name: Dim(name, min=2, max=LONGEST) for name in names}
        return tuple(
            {axis: dims[name] for axis, name in self.axes[one].items()}
            if one in self.axes else None
            for one in self.inputs
        )  # fmt: skip


def separator_graphs(separator: Separator) -> dict[str, Traceable]:
    """The graphs that run on every context, ready to be traced."""
    dims = separator.dims
    mel = torch.zeros(1, dims.htsat.frames, BANDS)
    frames = 1 + dims.samples * FRAMES_S // RATE
    names = [f"stage{number}" for number in range(len(dims.htsat.depths) + 1)]
    hear = Traceable(Hear(separator), {"mel": mel}, names)
    features = {
        name: torch.zeros([int(size) for size in shape]) for name, shape in hear.shapes().items()
    }
    asked = {"magnitude": torch.zeros(1, frames, BINS), "cue": torch.ones(1, 2 * dims.cue)}
    return {"hear": hear, "find": Traceable(Find(separator), asked | features, ["mask"])}


def cue_graphs(clap: Clap) -> dict[str, Traceable]:
    """The graphs that make cues, ready to be traced."""
    mel = torch.zeros(1, 1 + SAMPLES // HOP, BANDS)
    tokens = torch.full((1, TOKENS), PADDING)
    tokens[:, :8] = torch.arange(8) + 5
    said = {"tokens": tokens, "counts": (tokens != PADDING).long()}
    return {
        "audio-cue": Traceable(AudioCue(clap), {"mel": mel}, ["cue"]),
        "text-cue": Traceable(TextCue(clap), said, ["cue"]),
    }


def _value(name: str, kind: int, shape: tuple[int | str, ...]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)
