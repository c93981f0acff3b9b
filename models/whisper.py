"""Whisper, with inputs through which soft prompts can say whom to transcribe.

Modules are named as in OpenAI's checkpoints, so that those load as they are. A prompt is
data, not weights: every row of a batch has its own, or none (`prompt_on`), and without
one the network is plain Whisper.

Letters in shapes: B rows, A rows of audio (B / A hypotheses for each), F mel frames, T = F / 2
positions, N token columns, S columns already in the cache, P prompt length, W width, H heads,
D = W / H, Le and Ld layers, V vocabulary.

Source: Radford et al., arXiv:2212.04356; prompts after Ma et al., arXiv:2312.08079.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

MASKED = -1e9  # added to a score whose key must not be seen


@dataclass(frozen=True)
class Dims:
    """Sizes, named as in the `dims` of OpenAI's checkpoints."""

    n_mels: int
    n_audio_ctx: int
    n_audio_state: int
    n_audio_head: int
    n_audio_layer: int
    n_vocab: int
    n_text_ctx: int
    n_text_state: int
    n_text_head: int
    n_text_layer: int


class Encoding(NamedTuple):
    """What the decoder attends to."""

    hidden: Tensor  # (A, T, W)
    cross_k: Tensor  # (Ld, A, H, T, D)
    cross_v: Tensor  # (Ld, A, H, T, D)


class Decoding(NamedTuple):
    """What a run of the decoder gives."""

    logits: Tensor  # (B, N, V)
    self_kv: Tensor  # (Ld, 2, B, H, S + N, D)
    align: Tensor  # (B, alignment heads, N, T): cross-attention, each line sums to one


def sinusoids(length: int, channels: int) -> Tensor:
    """Return the encoder's fixed positional embedding, (length, channels)."""
    step = torch.log(torch.tensor(10000.0)) / (channels // 2 - 1)
    rates = torch.exp(-step * torch.arange(channels // 2))
    angles = torch.arange(length)[:, None] * rates[None, :]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return (..., N, D) mixed values and the (..., N, S) weights they were mixed with."""
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    weights = (scores if bias is None else scores + bias).softmax(dim=-1)
    return weights @ value, weights


class MultiHeadAttention(nn.Module):
    """Projections of one attention; the caller keeps keys and values."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)  # (B, H, N, D)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.split(self.key(x)), self.split(self.value(x))

    def forward(
        self, x: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        mixed, weights = attend(self.split(self.query(x)), key, value, bias)
        return self.out(mixed.transpose(1, 2).flatten(2)), weights

    def over(self, x: Tensor) -> Tensor:
        """Attend from everywhere to everywhere in (B, T, W); the weights are not kept."""
        query, (key, value) = self.split(self.query(x)), self.keys_values(x)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        attended: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return attended


class ResidualAttentionBlock(nn.Module):
    """Self-attention, cross-attention in the decoder, and a two-layer perceptron."""

    def __init__(self, width: int, heads: int, *, cross: bool = False) -> None:
        super().__init__()
        self.attn = MultiHeadAttention(width, heads)
        self.attn_ln = nn.LayerNorm(width)
        if cross:
            self.cross_attn = MultiHeadAttention(width, heads)
            self.cross_attn_ln = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.mlp_ln = nn.LayerNorm(width)

    def encode(self, x: Tensor) -> Tensor:
        return self.think(x + self.attn.over(self.attn_ln(x)))

    def think(self, x: Tensor) -> Tensor:
        thought: Tensor = self.mlp(self.mlp_ln(x))
        return x + thought

    def decode(
        self, x: Tensor, past: Tensor, bias: Tensor, cross: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return `x` (B, N, W), the grown cache (2, B, H, S + N, D), weights (B, H, N, T)."""
        normed = self.attn_ln(x)
        kv = torch.cat([past, torch.stack(self.attn.keys_values(normed))], dim=-2)
        x = x + self.attn(normed, kv[0], kv[1], bias)[0]
        # Hypotheses of one audio are columns of one query: its keys are read once for all.
        normed = self.cross_attn_ln(x).reshape(cross[0].shape[0], -1, x.shape[-1])  # (A, B/A N, W)
        mixed, weights = self.cross_attn(normed, *cross)
        x = x + mixed.reshape(x.shape)
        # (A, H, B/A N, T) -> (B, H, N, T)
        apart = weights.reshape(*weights.shape[:2], -1, x.shape[1], weights.shape[-1])
        return self.think(x), kv, apart.transpose(1, 2).flatten(0, 1)


class AudioEncoder(nn.Module):
    """Log-mel frames to hidden states, 20 ms each."""

    positional_embedding: Tensor

    def __init__(self, dims: Dims) -> None:
        super().__init__()
        width = dims.n_audio_state
        self.conv1 = nn.Conv1d(dims.n_mels, width, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(width, width, kernel_size=3, stride=2, padding=1)
        self.register_buffer("positional_embedding", sinusoids(dims.n_audio_ctx, width))
        self.blocks = nn.ModuleList(
            ResidualAttentionBlock(width, dims.n_audio_head) for _ in range(dims.n_audio_layer)
        )
        self.ln_post = nn.LayerNorm(width)

    def forward(
        self, mel: Tensor, prompt: Tensor | None = None, prompt_on: Tensor | None = None
    ) -> Tensor:
        """Encode (A, mels, F) frames, F even and at most twice the context, into (A, T, W).

        Args:
            mel: with prompts it begins with 2 (1 + P) zero frames, whose places they take.
            prompt: (A, Le, 1 + P, W); row 0, the speaker's, counts at the first layer only.
            prompt_on: (A,) bool, which rows have one; None: all.
        """
        x = functional.gelu(self.conv1(mel))
        x = functional.gelu(self.conv2(x)).transpose(1, 2)  # (A, T, W)
        positions = self.positional_embedding[: x.shape[1]]
        x = x + positions
        for layer, block in enumerate(self.blocks):
            if prompt is not None:
                first = 1 if layer else 0
                given = prompt[:, layer, first:]
                if layer == 0:
                    given = given + positions[: given.shape[1]]
                x = replace_columns(x, first, given, prompt_on)
            assert isinstance(block, ResidualAttentionBlock)
            x = block.encode(x)
        normed: Tensor = self.ln_post(x)
        return normed


def replace_columns(x: Tensor, first: int, given: Tensor, on: Tensor | None) -> Tensor:
    """Put `given` (B, K, W) at columns `first` on of `x` (B, T, W), in rows that are on."""
    last = first + given.shape[1]
    if on is not None:
        given = torch.where(on[:, None, None], given, x[:, first:last])
    return torch.cat([x[:, :first], given, x[:, last:]], dim=1)


class TextDecoder(nn.Module):
    """Tokens to the logits of the tokens that follow."""

    def __init__(self, dims: Dims, alignment_heads: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        width = dims.n_text_state
        self.alignment_heads = tuple(alignment_heads)
        self.token_embedding = nn.Embedding(dims.n_vocab, width)
        self.positional_embedding = nn.Parameter(torch.zeros(dims.n_text_ctx, width))
        self.blocks = nn.ModuleList(
            ResidualAttentionBlock(width, dims.n_text_head, cross=True)
            for _ in range(dims.n_text_layer)
        )
        self.ln = nn.LayerNorm(width)

    def keys_values(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Project (A, T, W) hidden states for every layer: (Ld, A, H, T, D), twice."""
        blocks = [cast(ResidualAttentionBlock, block) for block in self.blocks]
        pairs = [block.cross_attn.keys_values(hidden) for block in blocks]
        return torch.stack([key for key, _ in pairs]), torch.stack([value for _, value in pairs])

    def forward(
        self,
        tokens: Tensor,
        self_kv: Tensor,
        cross_k: Tensor,
        cross_v: Tensor,
        position: Tensor | None = None,
        prompt: Tensor | None = None,
        prompt_on: Tensor | None = None,
    ) -> Decoding:
        """Decode (B, N) tokens after those whose keys and values are in `self_kv`.

        A first step, a next step and a run of drafted tokens are one and the same; rows of
        different lengths are padded on the left, where positions are below zero.

        Args:
            self_kv: (Ld, 2, B, H, S, D); S is 0 at first.
            cross_k, cross_v: as `keys_values`; hypothesis r belongs to audio r // (B / A).
            position: (B,) of the first column; None: S.
            prompt: (B, Ld, P, W), at positions 1 to P, which hold placeholder tokens.
            prompt_on: (B,) bool; None: all.
        """
        past, columns = self_kv.shape[-2], tokens.shape[1]
        if position is None:
            position = torch.full(tokens.shape[:1], past, device=tokens.device)
        positions = position[:, None] + torch.arange(columns, device=tokens.device)  # (B, N)
        placed, kept = place_prompt(positions, prompt, prompt_on)
        bias = causal_bias(position, past, columns)
        x = self.token_embedding(tokens)
        weights, caches = [], []
        for layer, block in enumerate(self.blocks):
            if prompt is not None:
                x = x * kept + placed[:, layer]
            if layer == 0:
                x = x + self.positional_embedding[positions.clamp(min=0)]
            assert isinstance(block, ResidualAttentionBlock)
            x, kv, weight = block.decode(x, self_kv[layer], bias, (cross_k[layer], cross_v[layer]))
            caches.append(kv)
            weights.append(weight)
        logits = self.ln(x) @ self.token_embedding.weight.T
        align = torch.stack([weights[layer][:, head] for layer, head in self.alignment_heads], 1)
        return Decoding(logits, torch.stack(caches), align)


def place_prompt(
    positions: Tensor, prompt: Tensor | None, prompt_on: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Spread a prompt over the columns at positions 1 to P.

    Returns: (B, Ld, N, W) what to put there, zero elsewhere, and (B, N, 1) what to keep of
        the columns: 0 there, 1 elsewhere.
    """
    if prompt is None:
        return positions.new_zeros(()), positions.new_ones(())
    places = torch.arange(1, prompt.shape[2] + 1, device=positions.device)
    chosen = (positions[:, :, None] == places).to(prompt.dtype)  # (B, N, P)
    if prompt_on is not None:
        chosen = chosen * prompt_on[:, None, None].to(prompt.dtype)
    return chosen[:, None] @ prompt, 1 - chosen.sum(-1, keepdim=True)


def causal_bias(position: Tensor, past: int, columns: int) -> Tensor:
    """Return (B, 1, N, S + N): zero where a column may look, `MASKED` where it may not."""
    key = torch.arange(past + columns, device=position.device)
    later = key > past + torch.arange(columns, device=position.device)[:, None]  # (N, S + N)
    padding = (position[:, None] - past + key) < 0  # (B, S + N)
    hidden = later | padding[:, None, None]
    return torch.zeros(hidden.shape, device=position.device).masked_fill(hidden, MASKED)


class Whisper(nn.Module):
    """The whole network; `load_state_dict` takes OpenAI's `model_state_dict`."""

    def __init__(
        self, dims: Dims, alignment_heads: Sequence[tuple[int, int]] | None = None
    ) -> None:
        super().__init__()
        self.dims = dims
        if alignment_heads is None:  # as OpenAI does for a model whose heads nobody studied
            alignment_heads = [
                (layer, head)
                for layer in range(dims.n_text_layer // 2, dims.n_text_layer)
                for head in range(dims.n_text_head)
            ]
        self.encoder = AudioEncoder(dims)
        self.decoder = TextDecoder(dims, alignment_heads)

    def encode(
        self, mel: Tensor, prompt: Tensor | None = None, prompt_on: Tensor | None = None
    ) -> Encoding:
        """Encode (A, mels, F) log-mel frames; prompts as `AudioEncoder.forward`."""
        hidden = self.encoder(mel, prompt, prompt_on)
        return Encoding(hidden, *self.decoder.keys_values(hidden))

    def empty_cache(self, rows: int) -> Tensor:
        """Return the `self_kv` before the first step."""
        heads = self.dims.n_text_head
        width = self.dims.n_text_state // heads
        like = self.decoder.positional_embedding
        return like.new_zeros((self.dims.n_text_layer, 2, rows, heads, 0, width))
