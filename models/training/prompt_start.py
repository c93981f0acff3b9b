"""Where prompts begin: at others, or at what plain Whisper has in their places.

The latter so that little changes at first.

Random prompts make Whisper forget how to transcribe, and the first part of a short training
would go into learning it again: of tiny.en they leave words in mixtures with 6.7 nats a token where
plain Whisper has 4.5, and so have these.
"""

from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from ..ts_whisper import Prompts, ResidualPerceptron, TargetSpeakerWhisper
from ..whisper import ResidualAttentionBlock, Whisper, causal_bias


@torch.no_grad()
def begin_plainly(net: TargetSpeakerWhisper, mel: Tensor, tokens: Tensor) -> None:
    """Set the prompts to the mean of what Whisper computes where they will stand.

    Args:
        mel: (B, 80, T) of some speech, without zeros in front.
        tokens: (B, 1 + P) the mark of a text before, and text.
    """
    prompts, length = net.prompts, net.prompts.length
    padded = functional.pad(mel, (net.lead, 0))
    hidden = encoder_states(net.whisper, padded)  # (Le, B, T, W)
    means = hidden[:, :, : 1 + length].mean(1)
    means[0] -= net.whisper.encoder.positional_embedding[: 1 + length]
    prompts.spk_embed_layer.bias.copy_(means[0, 0])
    prompts.get_parameter("soft_prompt_extra_encoder").copy_(means[:, 1:])
    states = decoder_states(net.whisper, padded, tokens).mean(1)  # (Ld, 1 + P, W)
    states[0] -= net.whisper.decoder.positional_embedding[: 1 + length]
    prompts.get_parameter("soft_prompt_extra_decoder").copy_(states[:, 1:])


@torch.no_grad()
def begin_as(prompts: Prompts, others: Prompts) -> None:
    """Set prompts to what others have settled at; perceptrons add nothing yet, and learn.

    Raises: ValueError if they are of other sizes.
    """
    layer, its = prompts.spk_embed_layer, others.spk_embed_layer
    wanted, found = ((p.spk_embed_layer.weight.shape, p.length) for p in (prompts, others))
    if wanted != found:
        raise ValueError(f"wanted prompts of sizes {wanted} to begin with, found {found}")
    weight = its.weight / others.scale
    layer.weight.copy_(weight * prompts.scale)
    layer.bias.copy_(its.bias - weight @ others.mean + weight @ prompts.mean)
    for side in ("encoder", "decoder"):
        prompts.get_parameter(f"soft_prompt_extra_{side}").copy_(others.soft(side))
        for perceptron in getattr(prompts, f"mlp_{side}"):
            cast(ResidualPerceptron, perceptron).silence()


def encoder_states(whisper: Whisper, mel: Tensor) -> Tensor:
    """What goes into each layer of the encoder: (Le, B, T, W)."""
    encoder = whisper.encoder
    x = functional.gelu(encoder.conv2(functional.gelu(encoder.conv1(mel)))).transpose(1, 2)
    x = x + encoder.positional_embedding[: x.shape[1]]
    states = []
    for block in encoder.blocks:
        states.append(x)
        x = cast(ResidualAttentionBlock, block).encode(x)
    return torch.stack(states)


def decoder_states(whisper: Whisper, mel: Tensor, tokens: Tensor) -> Tensor:
    """What goes into each layer of the decoder: (Ld, B, N, W)."""
    encoded, decoder = whisper.encode(mel), whisper.decoder
    rows, columns = tokens.shape
    position = tokens.new_zeros(rows)
    bias, caches = causal_bias(position, 0, columns), whisper.empty_cache(rows)
    x = decoder.token_embedding(tokens) + decoder.positional_embedding[:columns]
    states = []
    for layer, block in enumerate(decoder.blocks):
        states.append(x)
        cross = (encoded.cross_k[layer], encoded.cross_v[layer])
        x = cast(ResidualAttentionBlock, block).decode(x, caches[layer], bias, cross)[0]
    return torch.stack(states)
