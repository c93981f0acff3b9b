"""Whisper's ONNX graphs, written node by node: the encoder; `whisper_decoder` has the decoder.

A traced graph would carry PyTorch's weights, its layouts and its detours; these hold no
weight at all, point into a file that `tap_live.whisper.assemble` makes, and have one node
for one thought. `tests/export/test_whisper.py` holds them against `models.whisper`.

Letters in shapes as in `models.whisper`.
"""

import onnx

from tap_live.export.whisper_nodes import Graph, How, Weights
from tap_live.models.whisper import Dims


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
