"""One set of names for Whisper's weights: CTranslate2's, whose shapes the graphs want.

It keeps query, key and value of a self-attention in one matrix, and key and value of a
cross-attention; OpenAI and Hugging Face keep them apart and give the key no bias.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
State: TypeAlias = dict[str, Array]

_WHOLE = {  # CTranslate2 name -> OpenAI name
    "encoder/conv1": "encoder.conv1",
    "encoder/conv2": "encoder.conv2",
    "encoder/layer_norm": "encoder.ln_post",
    "decoder/layer_norm": "decoder.ln",
}
_POSITIONS = {
    "encoder/position_encodings/encodings": "encoder.positional_embedding",
    "decoder/position_encodings/encodings": "decoder.positional_embedding",
}
_EMBEDDING = ("decoder/embeddings/weight", "decoder.token_embedding.weight")
_BLOCK = {  # within one layer
    "self_attention/layer_norm": "attn_ln",
    "self_attention/linear_1": "attn.out",
    "attention/layer_norm": "cross_attn_ln",
    "attention/linear_0": "cross_attn.query",
    "attention/linear_2": "cross_attn.out",
    "ffn/layer_norm": "mlp_ln",
    "ffn/linear_0": "mlp.0",
    "ffn/linear_1": "mlp.2",
}
_FUSED = {
    "self_attention/linear_0": ("attn.query", "attn.key", "attn.value"),
    "attention/linear_1": ("cross_attn.key", "cross_attn.value"),
}
_HUGGING_FACE = [  # patterns of Hugging Face's names and OpenAI's, in this order
    (r"^model\.", ""),
    (r"\.layers\.", ".blocks."),
    (r"self_attn_layer_norm", "attn_ln"),
    (r"encoder_attn_layer_norm", "cross_attn_ln"),
    (r"final_layer_norm", "mlp_ln"),
    (r"self_attn", "attn"),
    (r"encoder_attn", "cross_attn"),
    (r"q_proj", "query"),
    (r"k_proj", "key"),
    (r"v_proj", "value"),
    (r"out_proj", "out"),
    (r"\.fc1\.", ".mlp.0."),
    (r"\.fc2\.", ".mlp.2."),
    (r"embed_positions\.weight", "positional_embedding"),
    (r"embed_tokens", "token_embedding"),
    (r"^encoder\.layer_norm", "encoder.ln_post"),
    (r"^decoder\.layer_norm", "decoder.ln"),
]


def from_openai(state: Mapping[str, Array]) -> State:
    """Rename a state dict of OpenAI's, joining what CTranslate2 joins.

    Raises: KeyError naming the tensor that is missing.
    """
    variables = {ours: state[theirs] for ours, theirs in _POSITIONS.items() if theirs in state}
    variables[_EMBEDDING[0]] = state[_EMBEDDING[1]]
    for ours, theirs in _WHOLE.items():
        variables |= _pair(state, ours, theirs)
    for side, layer, cross in _layers(state):
        prefix, source = f"{side}/layer_{layer}/", f"{side}.blocks.{layer}."
        for ours, theirs in _BLOCK.items():
            if cross or not ours.startswith("attention/"):
                variables |= _pair(state, prefix + ours, source + theirs)
        for ours, parts in _FUSED.items():
            if cross or not ours.startswith("attention/"):
                variables |= _joined(state, prefix + ours, [source + part for part in parts])
    return variables


def from_hugging_face(state: Mapping[str, Array]) -> State:
    """Rename a state dict of `transformers`. Raises: KeyError as `from_openai`."""
    return from_openai({_openai_name(name): value for name, value in state.items()})


def to_openai(variables: Mapping[str, Array]) -> State:
    """Undo `from_openai`: float32 arrays, named for `models.whisper.Whisper`."""
    state: State = {
        theirs: variables[ours] for ours, theirs in _POSITIONS.items() if ours in variables
    }
    state[_EMBEDDING[1]] = variables[_EMBEDDING[0]]
    for name, value in variables.items():
        stem, _, kind = name.rpartition("/")
        layer = re.fullmatch(r"(encoder|decoder)/layer_(\d+)/(.+)", stem)
        if layer is None:
            if stem in _WHOLE:
                state[f"{_WHOLE[stem]}.{_KINDS[kind]}"] = value
            continue
        prefix, inner = f"{layer[1]}.blocks.{layer[2]}.", layer[3]
        if inner in _BLOCK:
            state[f"{prefix}{_BLOCK[inner]}.{_KINDS[kind]}"] = value
        elif inner in _FUSED:
            parts = np.split(value, len(_FUSED[inner]))
            for part, piece in zip(_FUSED[inner], parts, strict=True):
                if not (part.endswith("key") and kind == "bias"):
                    state[f"{prefix}{part}.{kind}"] = piece
    return {name: np.asarray(value, np.float32) for name, value in state.items()}


_KINDS = {"weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}


def _pair(state: Mapping[str, Array], ours: str, theirs: str) -> State:
    weight, bias = ("gamma", "beta") if ours.endswith("layer_norm") else ("weight", "bias")
    return {
        f"{ours}/{weight}": state[f"{theirs}.weight"],
        f"{ours}/{bias}": state[f"{theirs}.bias"],
    }


def _joined(state: Mapping[str, Array], ours: str, parts: list[str]) -> State:
    weights = [state[f"{part}.weight"] for part in parts]
    biases = [
        np.zeros(weight.shape[0], weight.dtype) if part.endswith("key") else state[f"{part}.bias"]
        for part, weight in zip(parts, weights, strict=True)
    ]
    return {f"{ours}/weight": np.concatenate(weights), f"{ours}/bias": np.concatenate(biases)}


def _layers(state: Mapping[str, Array]) -> list[tuple[str, int, bool]]:
    found = {
        (match[1], int(match[2]))
        for name in state
        if (match := re.match(r"(encoder|decoder)\.blocks\.(\d+)\.", name))
    }
    return [(side, layer, side == "decoder") for side, layer in sorted(found)]


def _openai_name(name: str) -> str:
    for pattern, replacement in _HUGGING_FACE:
        name = re.sub(pattern, replacement, name)
    return name
