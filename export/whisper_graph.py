"""Whisper's ONNX graphs, written node by node.

A traced graph would carry PyTorch's weights, its layouts and its detours; these hold no
weight at all, point into a file that `tap_live.whisper.assemble` makes, and have one node
for one thought. `tests/export/test_whisper.py` holds them against `models.whisper`.

Letters in shapes as in `models.whisper`.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import onnx
from onnx import TensorProto

from tap_live.export.whisper_nodes import Graph, How, Weights
from tap_live.models.whisper import MASKED, Dims

Add: TypeAlias = Callable[[str, str], str]
"""A cache and new columns -> the cache with them."""


def encoder_graph(dims: Dims, prompt_length: int, how: How, weights: Weights) -> onnx.ModelProto:
    """`mel, prompt, prompt_on -> hidden, cross_k, cross_v`."""
    g = Graph("whisper-encoder", weights, how)
    width, heads = dims.n_audio_state, dims.n_audio_head
    mel = g.input("mel", "float32", ["A", dims.n_mels, "F"])
    prompt = g.input("prompt", "float32", ["A", dims.n_audio_layer, 1 + prompt_length, width])
    on = g.op("Reshape", g.input("prompt_on", "bool", ["A"]), g.constant([-1, 1, 1]))

    x = mel
    for number, channels in ((1, dims.n_mels), (2, width)):
        x = g.op("Gelu", g.convolve(x, f"encoder/conv{number}", (width, channels, 3), number))
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
        fused = g.linear(y, f"{name}/self_attention/linear_0", width, 3 * width, exact=True)
        parts = g.ops("Split", 3, fused, axis=-1, num_outputs=3)
        mixed = _self_attention(g, parts, width, heads)
        y = g.linear(mixed, f"{name}/self_attention/linear_1", width, width, exact=True)
        x = g.perceptron(g.op("Add", x, y), name, width)
    hidden = g.norm(x, "encoder/layer_norm", width)
    g.output(hidden, "hidden", "float32", ["A", "T", width])
    inner = width // dims.n_text_head
    stacked: list[int | str] = [dims.n_text_layer, "A", dims.n_text_head, "T", inner]
    for name, value in zip(("cross_k", "cross_v"), _cross(g, hidden, dims), strict=True):
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


def _self_attention(g: Graph, parts: list[str], width: int, heads: int) -> str:
    """(A, T, W) queries, keys and values -> (A, T, W)."""
    if g.how == "rows":  # in tiles that stay in the processor's cache
        return g.op("MultiHeadAttention", *parts, num_heads=heads, domain="com.microsoft")
    q, k, v = (g.heads(part, heads, width) for part in parts)
    mixed, _ = g.attend(q, k, v, width // heads, None, low=g.how == "half")
    mixed = g.op("Transpose", mixed, perm=[0, 2, 1, 3])
    return g.op("Reshape", mixed, g.constant([0, 0, width]))


def _cross(g: Graph, hidden: str, dims: Dims) -> list[str]:
    """Project hidden states for every decoder layer: (Ld, A, H, T, D), twice."""
    width, heads = dims.n_text_state, dims.n_text_head
    split = g.constant([0, 0, 2, heads, width // heads])
    layers = []
    for layer in range(dims.n_text_layer):
        kv = g.linear(hidden, f"decoder/layer_{layer}/attention/linear_1", width, 2 * width)
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
    how: How,
    weights: Weights,
    *,
    static: bool = False,
) -> onnx.ModelProto:
    """`tokens, last, prompt, prompt_on, position, self_k.*, self_v.*, cross_k.*, cross_v.*
    -> logits, align, self_k.*.next, self_v.*.next`.

    Caches come layer by layer: ONNX Runtime would copy a stacked one at every step.

    Args:
        static: caches have a place for every position and are written there, row by row, so
            that no shape changes from token to token: for cards. Otherwise they grow.
    """
    g = Graph("whisper-decoder", weights, how)
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
            ("self_k", "B", dims.n_text_ctx if static else "S"),
            ("self_v", "B", dims.n_text_ctx if static else "S"),
            ("cross_k", "A", "T"),
            ("cross_v", "A", "T"),
        )
    )

    columns, past = g.size(tokens, 1), g.size(self_k[0], 2)
    column = _range(g, columns)  # (N,)
    positions = g.op("Add", position, column)  # (B, N)
    after: int | str
    if static:
        bias, after = _bias_beyond(g, positions, past), dims.n_text_ctx
        add = _written(g, positions, past, [1, heads, 1, inner])
    else:
        bias, after = _causal_bias(g, position, past, column, columns), "S + N"
        add = _joined(g)
    placed, kept = _place_prompt(g, positions, prompt, on, prompt_length, dims.n_text_layer)

    x = _embedding(g, tokens, dims)
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
        fused = g.linear(y, f"{name}/self_attention/linear_0", width, 3 * width)
        parts = g.ops("Split", 3, fused, axis=-1, num_outputs=3)
        q, k, v = (g.heads(part, heads, width) for part in parts)
        k, v = add(self_k[layer], k), add(self_v[layer], v)
        g.output(k, f"self_k.{layer}.next", "float32", ["B", heads, after, inner])
        g.output(v, f"self_v.{layer}.next", "float32", ["B", heads, after, inner])
        mixed, _ = g.attend(q, k, v, inner, bias)
        mixed = g.op("Reshape", g.op("Transpose", mixed, perm=[0, 2, 1, 3]), whole)
        y = g.linear(mixed, f"{name}/self_attention/linear_1", width, width)
        x = g.op("Add", x, y)

        y = g.norm(x, f"{name}/attention/layer_norm", width)
        q = g.linear(y, f"{name}/attention/linear_0", width, width)
        q = g.op("Transpose", g.op("Reshape", q, by_audio), perm=[0, 2, 1, 3])
        mixed, look = g.attend(q, cross_k[layer], cross_v[layer], inner, None)
        mixed = g.op("Reshape", g.op("Transpose", mixed, perm=[0, 2, 1, 3]), whole)
        y = g.linear(mixed, f"{name}/attention/linear_2", width, width)
        x = g.perceptron(g.op("Add", x, y), name, width)
        chosen = [head for at, head in alignment_heads if at == layer]
        if chosen:
            looks.append(g.op("Gather", look, g.constant(chosen), axis=1))

    end = g.constant([2**31 - 1])
    x = g.op("Slice", x, g.op("Neg", last), end, g.constant([1]))
    x = g.norm(x, "decoder/layer_norm", width)
    g.output(_logits(g, x, dims), "logits", "float32", ["B", "L", dims.n_vocab])
    align = _by_row(g, looks, rows, columns, len(alignment_heads))
    g.output(align, "align", "float32", ["B", len(alignment_heads), "N", "T"])
    return g.model()


def _range(g: Graph, length: str) -> str:
    """0, 1, ... up to a length of shape (1,)."""
    zero, one = g.constant(0), g.constant(1)
    return g.op("Range", zero, g.op("Squeeze", length), one)


def _joined(g: Graph) -> Add:
    return lambda cache, new: g.op("Concat", cache, new, axis=2)


def _written(g: Graph, positions: str, length: str, every: Sequence[int]) -> Add:
    """Put columns at their (B, N) positions in caches, in `every` head and number of it.

    Below zero, where nobody looks, positions are counted from the end: what lies there is hidden
    until something else is written over it.
    """
    outside = g.op("Less", positions, g.constant(0))
    places = g.op("Where", outside, g.op("Add", positions, length), positions)
    places = g.op("Unsqueeze", places, g.constant([1, 3]))  # (B, 1, N, 1)
    places = g.op("Expand", places, g.constant(every))  # (B, H, N, D)
    return lambda cache, new: g.op("ScatterElements", cache, places, new, axis=2)


def _bias_beyond(g: Graph, positions: str, length: str) -> str:
    """(B, 1, N, length): zero up to a column's own position, `MASKED` beyond."""
    own = g.op("Unsqueeze", positions, g.constant([1, 3]))  # (B, 1, N, 1)
    hidden = g.op("Greater", _range(g, length), own)
    return g.op("Where", hidden, g.constant(MASKED, "float32"), g.constant(0.0, "float32"))


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


def _embedding(g: Graph, tokens: str, dims: Dims) -> str:
    """(B, N) -> (B, N, W), from the matrix that the logits use."""
    variable, width = "decoder/embeddings/weight", dims.n_text_state
    if g.how != "rows":
        matrix = g.weight(variable, "same", g.stored, dims.n_vocab, width)
        return g.high(g.op("Gather", matrix, tokens, axis=0))
    codes = g.weight(variable, "codes", "int8", width, dims.n_vocab)
    scale = g.weight(variable, "scale", "float32", dims.n_vocab)
    codes = g.op("Transpose", g.op("Gather", codes, tokens, axis=1), perm=[1, 2, 0])
    scale = g.op("Unsqueeze", g.op("Gather", scale, tokens, axis=0), g.constant([2]))
    return g.op("Mul", g.op("Cast", codes, to=TensorProto.FLOAT), scale)


def _logits(g: Graph, x: str, dims: Dims) -> str:
    variable, width = "decoder/embeddings", dims.n_text_state
    if g.how == "rows":
        return g.linear(x, variable, width, dims.n_vocab, bias=False)
    matrix = g.weight(f"{variable}/weight", "same", g.stored, dims.n_vocab, width)
    shape = g.op("Concat", g.op("Shape", x, end=2), g.constant([dims.n_vocab]), axis=0)
    flat = g.narrow("Gemm", g.op("Reshape", x, g.constant([-1, width])), matrix, transB=1)
    return g.op("Reshape", flat, shape)


def _by_row(g: Graph, looks: list[str], rows: str, columns: str, heads: int) -> str:
    """(A, heads of one layer, B / A * N, T) for some layers -> (B, heads, N, T)."""
    look = g.op("Concat", *looks, axis=1)
    audio, frames, count = g.size(look, 0), g.size(look, 3), g.constant([heads])
    apart = g.op("Concat", audio, count, g.constant([-1]), columns, frames, axis=0)
    look = g.op("Transpose", g.op("Reshape", look, apart), perm=[0, 2, 1, 3, 4])
    return g.op("Reshape", look, g.op("Concat", rows, count, columns, frames, axis=0))
