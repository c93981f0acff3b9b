"""Whisper's decoder as an ONNX graph, written as its encoder (`whisper_graph`).

Letters in shapes as in `models.whisper`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import onnx
from onnx import TensorProto

from tap_live.export.whisper_nodes import Graph, How, Weights
from tap_live.models.whisper import MASKED, Dims

Add: TypeAlias = Callable[[str, str], str]
"""A cache and new columns -> the cache with them."""


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
    given = _decoder_inputs(g, dims, prompt_length, dims.n_text_ctx if static else "S")
    columns, past = g.size(given.tokens, 1), g.size(given.self_k[0], 2)
    column = _range(g, columns)  # (N,)
    positions = g.op("Add", given.position, column)  # (B, N)
    caches = (
        _static_caches(g, positions, past, dims)
        if static
        else _growing_caches(g, given.position, past, column, columns)
    )
    placed, kept = _place_prompt(
        g, positions, given.prompt, given.on, prompt_length, dims.n_text_layer
    )

    x = _embedding(g, given.tokens, dims)
    rows = g.size(given.tokens, 0)
    layers = _DecoderLayers(g, dims, given, caches, rows, columns)
    looks = []
    for layer in range(dims.n_text_layer):
        x = g.op("Add", g.op("Mul", x, kept), placed[layer])
        x = layers.placed(x, positions) if layer == 0 else x
        x = layers.read(x, layer)
        x, look = layers.hear(x, layer)
        x = g.perceptron(x, f"decoder/layer_{layer}", dims.n_text_state)
        chosen = [head for at, head in alignment_heads if at == layer]
        if chosen:
            looks.append(g.op("Gather", look, g.constant(chosen), axis=1))

    end = g.constant([2**31 - 1])
    x = g.op("Slice", x, g.op("Neg", given.last), end, g.constant([1]))
    x = g.norm(x, "decoder/layer_norm", dims.n_text_state)
    g.output(_logits(g, x, dims), "logits", "float32", ["B", "L", dims.n_vocab])
    align = _by_row(g, looks, rows, columns, len(alignment_heads))
    g.output(align, "align", "float32", ["B", len(alignment_heads), "N", "T"])
    return g.model()


class _Given(NamedTuple):
    """A decoder's inputs; a cache a layer."""

    tokens: str  # (B, N)
    last: str  # (1,)
    prompt: str  # (B, Ld, P, W)
    on: str  # (B,)
    position: str  # (B, 1)
    self_k: list[str]  # (B, H, S, D)
    self_v: list[str]  # likewise
    cross_k: list[str]  # (A, H, T, D)
    cross_v: list[str]  # likewise


def _decoder_inputs(g: Graph, dims: Dims, prompt_length: int, cached: int | str) -> _Given:
    """`cached` is how many columns a cache has."""
    width, heads, layers = dims.n_text_state, dims.n_text_head, dims.n_text_layer

    def caches(kind: str, rows: str, length: int | str) -> list[str]:
        shape: list[int | str] = [rows, heads, length, width // heads]
        return [g.input(f"{kind}.{layer}", "float32", shape) for layer in range(layers)]

    return _Given(
        tokens=g.input("tokens", "int64", ["B", "N"]),
        last=g.input("last", "int64", [1]),
        prompt=g.input("prompt", "float32", ["B", layers, prompt_length, width]),
        on=g.input("prompt_on", "bool", ["B"]),
        position=g.op("Unsqueeze", g.input("position", "int64", ["B"]), g.constant([1])),
        self_k=caches("self_k", "B", cached),
        self_v=caches("self_v", "B", cached),
        cross_k=caches("cross_k", "A", "T"),
        cross_v=caches("cross_v", "A", "T"),
    )


class _Caches(NamedTuple):
    """How a decoder keeps what it read."""

    bias: str  # (B, 1, N, columns): zero where a column may look, `MASKED` where it may not
    add: Add
    columns: int | str  # of a cache afterwards


def _static_caches(g: Graph, positions: str, past: str, dims: Dims) -> _Caches:
    heads = dims.n_text_head
    bias = _bias_beyond(g, positions, past)
    add = _written(g, positions, past, [1, heads, 1, dims.n_text_state // heads])
    return _Caches(bias, add, dims.n_text_ctx)


def _growing_caches(g: Graph, position: str, past: str, column: str, columns: str) -> _Caches:
    return _Caches(_causal_bias(g, position, past, column, columns), _joined(g), "S + N")


class _DecoderLayers:
    """Attention of a decoder's layers: to what was read, and to what is heard."""

    def __init__(
        self, g: Graph, dims: Dims, given: _Given, caches: _Caches, rows: str, columns: str
    ) -> None:
        self._g, self._given, self._caches = g, given, caches
        self._width, self._heads = dims.n_text_state, dims.n_text_head
        self._inner = self._width // self._heads
        audio = [-1, self._heads, self._inner]
        self._whole = g.op("Concat", rows, columns, g.constant([self._width]), axis=0)
        self._by_audio = g.op("Concat", g.size(given.cross_k[0], 0), g.constant(audio), axis=0)
        self._table = g.weight(
            "decoder/position_encodings/encodings", "same", "float32", dims.n_text_ctx, self._width
        )

    def placed(self, x: str, positions: str) -> str:
        """(B, N, W) with where they are; before the beginning they are nowhere."""
        g = self._g
        nearest = g.op("Max", positions, g.constant(0))
        return g.op("Add", x, g.op("Gather", self._table, nearest, axis=0))

    def read(self, x: str, layer: int) -> str:
        """(B, N, W) -> the same, having looked at the columns before, which are kept."""
        g, name, width = self._g, f"decoder/layer_{layer}/self_attention", self._width
        y = g.norm(x, f"{name}/layer_norm", width)
        fused = g.linear(y, f"{name}/linear_0", width, 3 * width)
        parts = g.ops("Split", 3, fused, axis=-1, num_outputs=3)
        q, k, v = (g.heads(part, self._heads, width) for part in parts)
        k = self._caches.add(self._given.self_k[layer], k)
        v = self._caches.add(self._given.self_v[layer], v)
        kept: list[int | str] = ["B", self._heads, self._caches.columns, self._inner]
        g.output(k, f"self_k.{layer}.next", "float32", kept)
        g.output(v, f"self_v.{layer}.next", "float32", kept)
        mixed, _ = g.attend(q, k, v, self._inner, self._caches.bias)
        return g.op("Add", x, self._together(mixed, f"{name}/linear_1"))

    def hear(self, x: str, layer: int) -> tuple[str, str]:
        """(B, N, W) -> the same, having looked at the audio; (A, H, B / A * N, T) where."""
        g, name, width = self._g, f"decoder/layer_{layer}/attention", self._width
        y = g.norm(x, f"{name}/layer_norm", width)
        q = g.linear(y, f"{name}/linear_0", width, width)
        q = g.op("Transpose", g.op("Reshape", q, self._by_audio), perm=[0, 2, 1, 3])
        k, v = self._given.cross_k[layer], self._given.cross_v[layer]
        mixed, look = g.attend(q, k, v, self._inner, None)
        return g.op("Add", x, self._together(mixed, f"{name}/linear_2")), look

    def _together(self, mixed: str, linear: str) -> str:
        """Heads apart -> (B, N, W)."""
        g, width = self._g, self._width
        mixed = g.op("Reshape", g.op("Transpose", mixed, perm=[0, 2, 1, 3]), self._whole)
        return g.linear(mixed, linear, width, width)


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
