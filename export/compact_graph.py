"""One hop of one target as an ONNX graph, its weights stored small where nothing is lost.

`mask, *state = step(spectrum, cue, *state)`, with fixed shapes. Of a network that hears the
future it is `HOPS` hops, and it is shown `AHEAD` more.
"""

import copy
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from tap_live.export.inner_notes import unheard
from tap_live.export.rounding import Bits, repacked
from tap_live.models.compact import Block, CompactExtractor, Dims, Memory, State

OPSET = 18
SMALL = 256  # numbers; fewer stay as they are
HOPS, AHEAD = 250, 62  # 4 s and 1 s: more ahead brought nothing


class Cell(nn.Module):
    """One step of an LSTM as one matrix product.

    ONNX Runtime's LSTM is made for sequences: for one step at a time it takes half as long again.
    """

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__()
        inward, recurrent, bias, other = lstm.parameters()
        self.weight = nn.Parameter(torch.cat([inward, recurrent], dim=1).T)
        self.bias = nn.Parameter(bias + other)

    def forward(self, x: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """(1, R, width) -> the same shape; h and c (1, R, width) as nn.LSTM has them."""
        both = torch.cat([x, memory[0]], dim=-1)[0]
        i, f, g, o = torch.addmm(self.bias, both, self.weight).chunk(4, dim=-1)
        c = torch.sigmoid(f) * memory[1] + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, (h, c)


class OnnxLstm(nn.Module):
    """An LSTM over a stretch, as the one node that ONNX has for it; it is only traced.

    Of nn.LSTM the tracer writes out every step first, which takes it minutes.
    """

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__()
        inward, recurrent, *biases = (_to_onnx(weight.detach()) for weight in lstm.parameters())
        self.inward, self.recurrent = nn.Parameter(inward), nn.Parameter(recurrent)
        self.bias = nn.Parameter(torch.cat(biases, dim=1))
        self.width = lstm.hidden_size

    def forward(self, x: Tensor, memory: Memory | None = None) -> tuple[Tensor, Memory]:
        """(F, R, width) -> the same shape; h and c (1, R, width) as nn.LSTM has them."""
        kept = (1, x.shape[1], self.width)
        y, h, c = torch.onnx.ops.symbolic_multi_out(
            "LSTM",
            (x, self.inward, self.recurrent, self.bias, None, *(memory or (None, None))),
            {"hidden_size": self.width},
            dtypes=[torch.float32] * 3,
            shapes=[(len(x), *kept), kept, kept],
        )
        return y[:, 0], (h, c)


def _to_onnx(weight: Tensor) -> Tensor:
    """Gates of PyTorch, (4 H, ...) in the order i, f, c, o, in ONNX's: (1, 4 H, ...) i, o, f, c."""
    i, f, c, o = weight.chunk(4)
    return torch.cat([i, o, f, c])[None]


class Step(nn.Module):
    """One hop of one target: `mask, *state = step(spectrum, cue, *state)`."""

    def __init__(self, net: CompactExtractor) -> None:
        super().__init__()
        self.net = copy.deepcopy(net)
        for block in self.net.blocks:
            assert isinstance(block, Block)
            block.band_lstm = cast(nn.LSTM, Cell(block.band_lstm))
            block.full_lstm = cast(nn.LSTM, Cell(block.full_lstm))

    def forward(self, spectrum: Tensor, cue: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """(bins, 2), (cue,) -> (bins, 2) and the new state."""
        mask, after = self.net(spectrum[None, None], cue[None], State(*state))
        return mask[0, 0], *after.parts.values()


class Stretch(nn.Module):
    """A stretch of one target, by a network that hears the future."""

    def __init__(self, net: CompactExtractor) -> None:
        super().__init__()
        self.net = copy.deepcopy(net)
        for block in self.net.blocks:
            for name, lstm in [*block.named_children()]:
                if isinstance(lstm, nn.LSTM):
                    setattr(block, name, OnnxLstm(lstm))

    def forward(self, spectrum: Tensor, cue: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """(HOPS + AHEAD, bins, 2), (cue,) -> (HOPS, bins, 2) and the state after those."""
        mask, after = self.net(spectrum[:, None], cue[None], State(*state), ahead=AHEAD)
        return mask[:, 0], *after.parts.values()


def shapes_of(dims: Dims) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of the spectra that a step takes, and of the mask that it gives."""
    if dims.future:
        return (HOPS + AHEAD, dims.bins, 2), (HOPS, dims.bins, 2)
    return (dims.bins, 2), (dims.bins, 2)


def build(net: CompactExtractor, *, stored_small: bool = True) -> onnx.ModelProto:
    """Trace one step.

    `stored_small`: what fp16 holds exactly is stored so, and what 8-bit steps of a scale make
    exactly as those; ONNX Runtime widens both once, as it loads.
    """
    state = net.initial_state()
    # Copies, for the tracer takes one tensor for one input.
    apart = [part.clone() for part in state.parts.values()]
    example = (torch.zeros(shapes_of(net.dims)[0]), torch.zeros(net.dims.cue), *apart)
    step = Stretch(net) if net.dims.future else Step(net)
    with unheard():
        program = torch.onnx.export(
            step.eval(),
            example,
            input_names=["spectrum", "cue", *state.parts],
            output_names=["mask", *(f"{name}_out" for name in state.parts)],
            opset_version=OPSET,
            dynamo=True,
            optimize=False,  # it takes the 1e-8 that keeps a logarithm finite for nothing
            verbose=False,
        )
    assert program is not None
    model = _plain(program.model_proto)
    _split_into_tensors(model.graph)
    if stored_small:
        _store_small(model.graph)
    onnx.checker.check_model(model, full_check=True)
    return model


def bits_of(graph: Path) -> Bits:
    """How many bits a weight of a stored graph has at least."""
    stored = onnx.load(graph, load_external_data=False).graph.initializer
    return 8 if any(one.data_type == TensorProto.INT8 for one in stored) else 16


def _plain(traced: onnx.ModelProto) -> onnx.ModelProto:
    """Keep the graph; leave out the tracer's notes, which name files of the machine."""
    for node in traced.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    graph = helper.make_graph(
        traced.graph.node,
        "compact-extractor",
        [_bare(value) for value in traced.graph.input],
        [_bare(value) for value in traced.graph.output],
        [
            numpy_helper.from_array(numpy_helper.to_array(t), t.name)
            for t in traced.graph.initializer
        ],
    )
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", OPSET)])


def _bare(value: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    shape = [axis.dim_value for axis in value.type.tensor_type.shape.dim]
    return helper.make_tensor_value_info(value.name, TensorProto.FLOAT, shape)


def _split_into_tensors(graph: onnx.GraphProto) -> None:
    """Split without sequences in between, whose shapes nobody infers and TensorRT has not."""
    constants = {
        node.output[0]: _constant(node) for node in graph.node if node.op_type == "Constant"
    }
    places = {node.output[0]: int(constants[node.input[1]]) for node in _of(graph, "SequenceAt")}
    counts: dict[str, int] = {}
    for node in _of(graph, "SequenceAt"):
        before = counts.get(node.input[0], 0)
        counts[node.input[0]] = max(before, places[node.output[0]] + 1)
    nodes = []
    for node in graph.node:
        if node.op_type == "SplitToSequence":
            name = node.output[0]
            sizes = np.broadcast_to(constants[node.input[1]], counts[name])  # one size for all
            sized = numpy_helper.from_array(sizes.astype(np.int64), f"{name}_sizes")
            graph.initializer.append(sized)
            parts = [f"{name}_{part}" for part in range(counts[name])]
            axis = helper.get_node_attr_value(node, "axis")
            nodes.append(helper.make_node("Split", [node.input[0], sized.name], parts, axis=axis))
        elif node.op_type == "SequenceAt":
            part = f"{node.input[0]}_{places[node.output[0]]}"
            nodes.append(helper.make_node("Identity", [part], node.output))
        else:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


def _of(graph: onnx.GraphProto, kind: str) -> list[onnx.NodeProto]:
    return [node for node in graph.node if node.op_type == kind]


def _constant(node: onnx.NodeProto) -> NDArray[Any]:
    """What a Constant holds: a tensor, or plain numbers."""
    value = helper.get_attribute_value(node.attribute[0])
    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else np.array(value)


def _store_small(graph: onnx.GraphProto) -> None:
    widened = []
    stored = []
    for tensor in graph.initializer:
        name, values = tensor.name, numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < SMALL:
            stored.append(tensor)
        elif np.array_equal(values.astype(np.float16), values):
            stored.append(_half(name, values))
            widened.append(_cast(f"{name}_half", name))
        elif (parts := repacked(values)) is not None:
            steps, scale = parts
            stored.append(numpy_helper.from_array(np.ascontiguousarray(steps), f"{name}_steps"))
            stored.append(_half(f"{name}_scale", scale))
            widened.append(_cast(f"{name}_steps", f"{name}_whole"))
            widened.append(_cast(f"{name}_scale_half", f"{name}_scale"))
            widened.append(helper.make_node("Mul", [f"{name}_whole", f"{name}_scale"], [name]))
        else:
            stored.append(tensor)
    nodes = [*widened, *graph.node]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(stored)


def _half(name: str, values: NDArray[Any]) -> onnx.TensorProto:
    return numpy_helper.from_array(values.astype(np.float16), f"{name}_half")


def _cast(source: str, to: str) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [to], to=TensorProto.FLOAT)
