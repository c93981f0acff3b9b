"""Whisper's two ONNX graphs, written node by node.

A traced graph would carry PyTorch's weights, its layouts and its detours; these hold no
weight at all, point into a file that `tap_live.whisper.assemble` makes, and have one node
for one thought. `tests/export/test_whisper.py` holds them against `models.whisper`.

Letters in shapes as in `models.whisper`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tap_live.models.whisper import MASKED, Dims
from tap_live.whisper.table import BLOCK, FORMS, WeightSpec, WeightTable

WEIGHTS = "weights.bin"
OPSET, IR_VERSION = 20, 10
ALIGNMENT = 64  # bytes, of every weight in the file


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How the matrices of a precision are stored and multiplied.

    `float`: float32, standard operators only. `rows`: 8 bits, one scale for each output, and
    one for each row of the input, found as it comes. `blocks`: 8 bits, a scale for every
    `BLOCK` inputs.
    """

    encoder: str = "float"
    decoder: str = "float"
    logits: str = "float"


RECIPES = {
    "fp32": Recipe(),
    "int8": Recipe(encoder="rows", decoder="rows", logits="rows"),
}


class Weights:
    """The weights that graphs ask for, each at its place in one file."""

    def __init__(self) -> None:
        self._specs: dict[str, WeightSpec] = {}
        self._end = 0

    def place(self, variable: str, form: str, dtype: str, shape: Sequence[int]) -> WeightSpec:
        assert form in FORMS, form
        name = f"{variable} ({form})"
        if name not in self._specs:
            spec = WeightSpec(name, variable, form, dtype, tuple(shape), self._end)
            self._specs[name] = spec
            self._end = -(-(spec.offset + spec.bytes) // ALIGNMENT) * ALIGNMENT
        return self._specs[name]

    def table(self) -> WeightTable:
        return WeightTable(self._end, tuple(self._specs.values()))


class Graph:
    """Nodes in the order in which they were asked for."""

    def __init__(self, name: str, weights: Weights) -> None:
        self._name = name
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._initialisers: dict[str, TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._contrib = False

    def input(self, name: str, dtype: str, shape: Sequence[int | str]) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, _onnx_type(dtype), shape))
        return name

    def output(self, value: str, name: str, dtype: str, shape: Sequence[int | str]) -> None:
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, _onnx_type(dtype), shape))

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(self, kind: str, results: int, *inputs: str, **attributes: Any) -> list[str]:
        names = [f"{kind}_{len(self._nodes)}_{n}" for n in range(results)]
        domain = attributes.pop("domain", "")
        self._contrib |= bool(domain)
        self._nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names

    def constant(self, value: Any, dtype: str = "int64") -> str:
        array = np.array(value, dtype)
        name = f"{dtype}:{array.tolist()}"
        self._initialisers.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def weight(self, variable: str, form: str, dtype: str, *shape: int) -> str:
        spec = self._weights.place(variable, form, dtype, shape)
        tensor = TensorProto(name=spec.name, data_type=_onnx_type(dtype), dims=spec.shape)
        tensor.data_location = TensorProto.EXTERNAL
        place = {"location": WEIGHTS, "offset": spec.offset, "length": spec.bytes}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self._initialisers[spec.name] = tensor
        return spec.name

    def model(self) -> onnx.ModelProto:
        graph = helper.make_graph(
            self._nodes, self._name, self._inputs, self._outputs, [*self._initialisers.values()]
        )
        opsets = [helper.make_opsetid("", OPSET)]
        if self._contrib:
            opsets.append(helper.make_opsetid("com.microsoft", 1))
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="tap-live"
        )

    # What both networks are made of.

    def size(self, value: str, axis: int) -> str:
        """One axis of a shape, (1,)."""
        return self.op("Shape", value, start=axis, end=axis + 1)

    def norm(self, x: str, variable: str, width: int) -> str:
        gamma = self.weight(f"{variable}/gamma", "same", "float32", width)
        beta = self.weight(f"{variable}/beta", "same", "float32", width)
        return self.op("LayerNormalization", x, gamma, beta, axis=-1, epsilon=1e-5)

    def linear(
        self, x: str, variable: str, inputs: int, outputs: int, how: str, *, bias: bool = True
    ) -> str:
        """(..., inputs) -> (..., outputs)."""
        matrix = f"{variable}/weight"
        if how == "rows":
            y = self._rows(x, matrix, inputs, outputs)
        elif how == "blocks":
            y = self._blocks(x, matrix, inputs, outputs)
        else:
            form = self.weight(matrix, "transposed", "float32", inputs, outputs)
            y = self.op("MatMul", x, form)
        if not bias:
            return y
        return self.op("Add", y, self.weight(f"{variable}/bias", "same", "float32", outputs))

    def _rows(self, x: str, matrix: str, inputs: int, outputs: int) -> str:
        """Each row is brought into [-1, 1] first, so that none drowns in another's scale."""
        largest = self.op("ReduceMax", self.op("Abs", x), self.constant([-1]), keepdims=1)
        largest = self.op("Max", largest, self.constant(1e-9, "float32"))
        y = self.op(
            "DynamicQuantizeMatMul",
            self.op("Div", x, largest),
            self.weight(matrix, "codes", "int8", inputs, outputs),
            self.weight(matrix, "scale", "float32", outputs),
            domain="com.microsoft",
        )
        return self.op("Mul", y, largest)

    def _blocks(self, x: str, matrix: str, inputs: int, outputs: int) -> str:
        return self.op(
            "MatMulNBits",
            x,
            self.weight(matrix, "block codes", "uint8", outputs, inputs // BLOCK, BLOCK),
            self.weight(matrix, "block scale", "float32", outputs * inputs // BLOCK),
            domain="com.microsoft",
            K=inputs,
            N=outputs,
            bits=8,
            block_size=BLOCK,
            accuracy_level=4,
        )

    def heads(self, x: str, heads: int, width: int) -> str:
        """(B, N, W) -> (B, H, N, D)."""
        shape = self.constant([0, 0, heads, width // heads])
        return self.op("Transpose", self.op("Reshape", x, shape), perm=[0, 2, 1, 3])

    def attend(self, q: str, k: str, v: str, width: int, bias: str | None) -> tuple[str, str]:
        """Return (B, H, N, D) mixed values and (B, H, N, S) weights; `width` is D."""
        scores = self.op("MatMul", q, self.op("Transpose", k, perm=[0, 1, 3, 2]))
        scores = self.op("Mul", scores, self.constant(width**-0.5, "float32"))
        if bias is not None:
            scores = self.op("Add", scores, bias)
        weights = self.op("Softmax", scores, axis=-1)
        return self.op("MatMul", weights, v), weights

    def perceptron(self, x: str, variable: str, width: int, how: str) -> str:
        y = self.norm(x, f"{variable}/ffn/layer_norm", width)
        y = self.linear(y, f"{variable}/ffn/linear_0", width, 4 * width, how)
        y = self.op("Gelu", y)
        return self.op("Add", x, self.linear(y, f"{variable}/ffn/linear_1", 4 * width, width, how))


def encoder_graph(dims: Dims, prompt_length: int, how: Recipe, weights: Weights) -> onnx.ModelProto:
    """`mel, prompt, prompt_on -> hidden, cross_k, cross_v`."""
    g = Graph("whisper-encoder", weights)
    width, heads = dims.n_audio_state, dims.n_audio_head
    mel = g.input("mel", "float32", ["A", dims.n_mels, "F"])
    prompt = g.input("prompt", "float32", ["A", dims.n_audio_layer, 1 + prompt_length, width])
    on = g.op("Reshape", g.input("prompt_on", "bool", ["A"]), g.constant([-1, 1, 1]))

    x = mel
    for number, channels in ((1, dims.n_mels), (2, width)):
        kernel = g.weight(f"encoder/conv{number}/weight", "same", "float32", width, channels, 3)
        bias = g.weight(f"encoder/conv{number}/bias", "same", "float32", width)
        x = g.op("Gelu", g.op("Conv", x, kernel, bias, pads=[1, 1], strides=[number]))
    x = g.op("Transpose", x, perm=[0, 2, 1])  # (A, T, W)
    table = g.weight(
        "encoder/position_encodings/encodings", "same", "float32", dims.n_audio_ctx, width
    )
    positions = g.op("Slice", table, g.constant([0]), g.size(x, 1), g.constant([0]))
    x = g.op("Add", x, positions)
    for layer in range(dims.n_audio_layer):
        name = f"encoder/layer_{layer}"
        x = _encoder_prompt(g, x, prompt, on, layer, prompt_length, positions)
        y = g.norm(x, f"{name}/self_attention/layer_norm", width)
        fused = g.linear(y, f"{name}/self_attention/linear_0", width, 3 * width, how.encoder)
        parts = g.ops("Split", 3, fused, axis=-1, num_outputs=3)
        mixed = _self_attention(g, parts, width, heads, how)
        y = g.linear(mixed, f"{name}/self_attention/linear_1", width, width, how.encoder)
        x = g.perceptron(g.op("Add", x, y), name, width, how.encoder)
    hidden = g.norm(x, "encoder/layer_norm", width)
    g.output(hidden, "hidden", "float32", ["A", "T", width])
    stacked = ["Ld", "A", dims.n_text_head, "T", width // dims.n_text_head]
    stacked[0] = dims.n_text_layer  # type: ignore[call-overload]
    for name, value in zip(("cross_k", "cross_v"), _cross(g, hidden, dims, how), strict=True):
        g.output(value, name, "float32", stacked)
    return g.model()


def _encoder_prompt(
    g: Graph, x: str, prompt: str, on: str, layer: int, length: int, positions: str
) -> str:
    first = 1 if layer else 0
    start, stop, axis = g.constant([first]), g.constant([1 + length]), g.constant([1])
    given = g.op("Gather", prompt, g.constant(layer), axis=1)  # (A, 1 + P, W)
    if layer:
        given = g.op("Slice", given, start, stop, axis)
    else:
        given = g.op("Add", given, g.op("Slice", positions, start, stop, g.constant([0])))
    given = g.op("Where", on, given, g.op("Slice", x, start, stop, axis))
    rest = g.op("Slice", x, stop, g.constant([2**31 - 1]), axis)
    before = [g.op("Slice", x, g.constant([0]), start, axis)] if first else []
    return g.op("Concat", *before, given, rest, axis=1)


def _self_attention(g: Graph, parts: list[str], width: int, heads: int, how: Recipe) -> str:
    """(A, T, W) queries, keys and values -> (A, T, W)."""
    if how.encoder != "float":  # in tiles that stay in the processor's cache
        return g.op("MultiHeadAttention", *parts, num_heads=heads, domain="com.microsoft")
    q, k, v = (g.heads(part, heads, width) for part in parts)
    mixed, _ = g.attend(q, k, v, width // heads, None)
    mixed = g.op("Transpose", mixed, perm=[0, 2, 1, 3])
    return g.op("Reshape", mixed, g.constant([0, 0, width]))


def _cross(g: Graph, hidden: str, dims: Dims, how: Recipe) -> list[str]:
    """Project hidden states for every decoder layer: (Ld, A, H, T, D), twice."""
    width, heads = dims.n_text_state, dims.n_text_head
    split = g.constant([0, 0, 2, heads, width // heads])
    layers = []
    for layer in range(dims.n_text_layer):
        kv = g.linear(
            hidden, f"decoder/layer_{layer}/attention/linear_1", width, 2 * width, how.encoder
        )
        kv = g.op("Transpose", g.op("Reshape", kv, split), perm=[2, 0, 3, 1, 4])
        layers.append(g.op("Unsqueeze", kv, g.constant([1])))  # (2, 1, A, H, T, D)
    stacked = g.op("Concat", *layers, axis=1)
    return [
        g.op("Squeeze", part, g.constant([0]))
        for part in g.ops("Split", 2, stacked, axis=0, num_outputs=2)
    ]


def decoder_graph(
    dims: Dims,
    alignment_heads: Sequence[tuple[int, int]],
    prompt_length: int,
    how: Recipe,
    weights: Weights,
) -> onnx.ModelProto:
    """`tokens, last, prompt, prompt_on, position, self_k.*, self_v.*, cross_k.*, cross_v.*
    -> logits, align, self_k.*.next, self_v.*.next`.

    Caches come layer by layer: ONNX Runtime would copy a stacked one at every step.
    """
    g = Graph("whisper-decoder", weights)
    width, heads = dims.n_text_state, dims.n_text_head
    inner = width // heads
    tokens = g.input("tokens", "int64", ["B", "N"])
    last = g.input("last", "int64", [1])
    prompt = g.input("prompt", "float32", ["B", dims.n_text_layer, prompt_length, width])
    on = g.input("prompt_on", "bool", ["B"])
    position = g.op("Unsqueeze", g.input("position", "int64", ["B"]), g.constant([1]))  # (B, 1)
    self_k, self_v, cross_k, cross_v = (
        [
            g.input(f"{kind}.{layer}", "float32", [rows, heads, length, inner])
            for layer in range(dims.n_text_layer)
        ]
        for kind, rows, length in (
            ("self_k", "B", "S"),
            ("self_v", "B", "S"),
            ("cross_k", "A", "T"),
            ("cross_v", "A", "T"),
        )
    )

    columns, past = g.size(tokens, 1), g.size(self_k[0], 2)
    column = _range(g, columns)  # (N,)
    positions = g.op("Add", position, column)  # (B, N)
    bias = _causal_bias(g, position, past, column, columns)
    placed, kept = _place_prompt(g, positions, prompt, on, prompt_length, dims.n_text_layer)

    x = _embedding(g, tokens, dims, how)
    rows = g.size(tokens, 0)
    whole = g.op("Concat", rows, columns, g.constant([width]), axis=0)
    by_audio = g.op("Concat", g.size(cross_k[0], 0), g.constant([-1, heads, inner]), axis=0)
    table = g.weight(
        "decoder/position_encodings/encodings", "same", "float32", dims.n_text_ctx, width
    )
    looks = []
    for layer in range(dims.n_text_layer):
        name = f"decoder/layer_{layer}"
        x = g.op("Add", g.op("Mul", x, kept), placed[layer])
        if layer == 0:
            nearest = g.op("Max", positions, g.constant(0))
            x = g.op("Add", x, g.op("Gather", table, nearest, axis=0))

        y = g.norm(x, f"{name}/self_attention/layer_norm", width)
        fused = g.linear(y, f"{name}/self_attention/linear_0", width, 3 * width, how.decoder)
        parts = g.ops("Split", 3, fused, axis=-1, num_outputs=3)
        q, k, v = (g.heads(part, heads, width) for part in parts)
        k = g.op("Concat", self_k[layer], k, axis=2)
        v = g.op("Concat", self_v[layer], v, axis=2)
        g.output(k, f"self_k.{layer}.next", "float32", ["B", heads, "S + N", inner])
        g.output(v, f"self_v.{layer}.next", "float32", ["B", heads, "S + N", inner])
        mixed, _ = g.attend(q, k, v, inner, bias)
        mixed = g.op("Reshape", g.op("Transpose", mixed, perm=[0, 2, 1, 3]), whole)
        y = g.linear(mixed, f"{name}/self_attention/linear_1", width, width, how.decoder)
        x = g.op("Add", x, y)

        y = g.norm(x, f"{name}/attention/layer_norm", width)
        q = g.linear(y, f"{name}/attention/linear_0", width, width, how.decoder)
        q = g.op("Transpose", g.op("Reshape", q, by_audio), perm=[0, 2, 1, 3])
        mixed, look = g.attend(q, cross_k[layer], cross_v[layer], inner, None)
        mixed = g.op("Reshape", g.op("Transpose", mixed, perm=[0, 2, 1, 3]), whole)
        y = g.linear(mixed, f"{name}/attention/linear_2", width, width, how.decoder)
        x = g.perceptron(g.op("Add", x, y), name, width, how.decoder)
        chosen = [head for at, head in alignment_heads if at == layer]
        if chosen:
            looks.append(g.op("Gather", look, g.constant(chosen), axis=1))

    end = g.constant([2**31 - 1])
    x = g.op("Slice", x, g.op("Neg", last), end, g.constant([1]))
    x = g.norm(x, "decoder/layer_norm", width)
    g.output(_logits(g, x, dims, how), "logits", "float32", ["B", "L", dims.n_vocab])
    align = _by_row(g, looks, rows, columns, len(alignment_heads))
    g.output(align, "align", "float32", ["B", len(alignment_heads), "N", "T"])
    return g.model()


def _range(g: Graph, length: str) -> str:
    """0, 1, ... up to a length of shape (1,)."""
    zero, one = g.constant(0), g.constant(1)
    return g.op("Range", zero, g.op("Squeeze", length), one)


def _causal_bias(g: Graph, position: str, past: str, column: str, columns: str) -> str:
    """(B, 1, N, S + N): zero where a column may look, `MASKED` where it may not."""
    key = _range(g, g.op("Add", past, columns))  # (S + N,)
    newest = g.op("Unsqueeze", g.op("Add", past, column), g.constant([1]))  # (N, 1)
    later = g.op("Greater", key, newest)  # (N, S + N)
    key_position = g.op("Add", g.op("Sub", position, past), key)  # (B, S + N)
    padding = g.op("Less", key_position, g.constant(0))
    hidden = g.op("Or", later, g.op("Unsqueeze", padding, g.constant([1, 2])))
    return g.op("Where", hidden, g.constant(MASKED, "float32"), g.constant(0.0, "float32"))


def _place_prompt(
    g: Graph, positions: str, prompt: str, on: str, length: int, layers: int
) -> tuple[list[str], str]:
    """For each layer (B, N, W) what to put at positions 1 to P; (B, N, 1) what to keep there."""
    places = g.constant(list(range(1, 1 + length)))
    chosen = g.op("Equal", g.op("Unsqueeze", positions, g.constant([2])), places)
    chosen = g.op("And", chosen, g.op("Unsqueeze", on, g.constant([1, 2])))
    chosen = g.op("Cast", chosen, to=TensorProto.FLOAT)  # (B, N, P)
    total = g.op("ReduceSum", chosen, g.constant([-1]), keepdims=1)
    kept = g.op("Sub", g.constant(1.0, "float32"), total)
    spread = g.op("MatMul", g.op("Unsqueeze", chosen, g.constant([1])), prompt)  # (B, Ld, N, W)
    if layers == 1:
        return [g.op("Squeeze", spread, g.constant([1]))], kept
    parts = g.ops("Split", layers, spread, axis=1, num_outputs=layers)
    return [g.op("Squeeze", part, g.constant([1])) for part in parts], kept


def _embedding(g: Graph, tokens: str, dims: Dims, how: Recipe) -> str:
    """(B, N) -> (B, N, W), from the matrix that the logits use where it can be read by rows."""
    variable, width = "decoder/embeddings/weight", dims.n_text_state
    if how.logits == "float":
        matrix = g.weight(variable, "same", "float32", dims.n_vocab, width)
        return g.op("Gather", matrix, tokens, axis=0)
    if how.logits == "rows":
        codes = g.weight(variable, "codes", "int8", width, dims.n_vocab)
        scale = g.weight(variable, "scale", "float32", dims.n_vocab)
        codes = g.op("Transpose", g.op("Gather", codes, tokens, axis=1), perm=[1, 2, 0])
        scale = g.op("Unsqueeze", g.op("Gather", scale, tokens, axis=0), g.constant([2]))
        return g.op("Mul", g.op("Cast", codes, to=TensorProto.FLOAT), scale)  # (B, N, W)
    blocks = width // BLOCK
    codes = g.weight(variable, "block codes", "uint8", dims.n_vocab, blocks, BLOCK)
    scale = g.weight(variable, "block scale", "float32", dims.n_vocab * blocks)
    codes = g.op("Cast", g.op("Gather", codes, tokens, axis=0), to=TensorProto.FLOAT)
    codes = g.op("Sub", codes, g.constant(128.0, "float32"))  # (B, N, W / BLOCK, BLOCK)
    by_token = g.op("Reshape", scale, g.constant([dims.n_vocab, blocks, 1]))
    value = g.op("Mul", codes, g.op("Gather", by_token, tokens, axis=0))
    return g.op("Reshape", value, g.constant([0, 0, width]))


def _logits(g: Graph, x: str, dims: Dims, how: Recipe) -> str:
    variable, width = "decoder/embeddings", dims.n_text_state
    if how.logits != "float":
        return g.linear(x, variable, width, dims.n_vocab, how.logits, bias=False)
    matrix = g.weight(f"{variable}/weight", "same", "float32", dims.n_vocab, width)
    shape = g.op("Concat", g.op("Shape", x, end=2), g.constant([dims.n_vocab]), axis=0)
    flat = g.op("Gemm", g.op("Reshape", x, g.constant([-1, width])), matrix, transB=1)
    return g.op("Reshape", flat, shape)


def _by_row(g: Graph, looks: list[str], rows: str, columns: str, heads: int) -> str:
    """(A, heads of one layer, B / A * N, T) for some layers -> (B, heads, N, T)."""
    look = g.op("Concat", *looks, axis=1)
    audio, frames, count = g.size(look, 0), g.size(look, 3), g.constant([heads])
    apart = g.op("Concat", audio, count, g.constant([-1]), columns, frames, axis=0)
    look = g.op("Transpose", g.op("Reshape", look, apart), perm=[0, 2, 1, 3, 4])
    return g.op("Reshape", look, g.op("Concat", rows, count, columns, frames, axis=0))


def _onnx_type(dtype: str) -> int:
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def tensors(values: Iterable[onnx.ValueInfoProto]) -> list[tuple[str, str, tuple[int | str, ...]]]:
    """Say name, type and shape of a graph's inputs or outputs."""
    described = []
    for value in values:
        kind = value.type.tensor_type
        dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type).name
        shape = tuple(axis.dim_param or axis.dim_value for axis in kind.shape.dim)
        described.append((value.name, dtype, shape))
    return described
