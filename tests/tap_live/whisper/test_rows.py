"""Search where the state stays on a device gives what search in arrays does, token for token.

The device is the CPU's memory: bound as a card's would be.
"""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tap_live.errors import BundleError, ConfigError
from tap_live.whisper.decoding import DecodingOptions, decode, decode_rows, tokenizer_of
from tap_live.whisper.features import RATE, context_frames, log_mel
from tap_live.whisper.model import Encoded, Prompt, Whisper
from tap_live.whisper.resident import Chosen
from tap_live.whisper.rows import greedy_rows
from tap_live.whisper.rules import Rules
from tap_live.whisper.search import Window, greedy

pytest.importorskip("torch", reason="needs the extra [export]")

GREEDY = DecodingOptions(language="en", without_timestamps=True, max_tokens=40)


@pytest.fixture(scope="module")
def kept(plain: Whisper) -> Whisper:
    return keeping(plain)


def keeping(model: Whisper) -> Whisper:
    """The same, with its state kept in the memory of a device that this machine has."""
    other = Whisper(model.folder)
    other.resident = other.kept_on("cpu")
    return other


def on_a_card(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have graphs said to be on a card; return the names of those that are loaded."""
    from tap_live.providers import Placed
    from tap_live.whisper import model

    placed, real = list[str](), model.place

    def load(graph: Path, device: str, **options: Any) -> Placed:
        placed.append(graph.name)
        return Placed(real(graph).session, "cuda")

    monkeypatch.setattr(model, "place", load)
    return placed


def mel(rows: int, seed: int = 0, frames: int = 60) -> Any:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, 80, frames)).astype(np.float32)


def prompts(model: Whisper, on: Sequence[bool]) -> Prompt:
    rng = np.random.default_rng(3)
    none = model.no_prompt(len(on))
    encoder, decoder = (
        rng.standard_normal(part.shape).astype(np.float32) for part in (none.encoder, none.decoder)
    )
    return Prompt(encoder, decoder, np.array(on))


def same(found: Any, wanted: Any) -> None:
    assert found.tokens == wanted.tokens
    assert found.token_logprobs == pytest.approx(wanted.token_logprobs, abs=1e-4)
    assert found.average_logprob == pytest.approx(wanted.average_logprob, abs=1e-4)
    assert found.no_speech == pytest.approx(wanted.no_speech, rel=1e-3)
    if wanted.attention is None:
        assert found.attention is None
    else:
        np.testing.assert_allclose(found.attention, wanted.attention, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        GREEDY,
        replace(GREEDY, without_timestamps=False),
        replace(GREEDY, prefix=(65, 66, 67)),
        replace(GREEDY, previous=tuple(range(60, 90)), prefix=(65,), without_timestamps=False),
        replace(GREEDY, latest_start=0.1, without_timestamps=False, max_tokens=9),
    ],
    ids=["words", "times", "prefix", "text before", "early"],
)
@pytest.mark.parametrize("seed", range(3))
def test_one_window_is_heard_as_in_arrays(
    plain: Whisper, kept: Whisper, options: DecodingOptions, seed: int
) -> None:
    sound = mel(1, seed)
    wanted = decode(plain, plain.encode(sound), options)
    same(decode(kept, kept.encode(sound), options), wanted)
    assert len(wanted.tokens) > 5


@pytest.mark.parametrize("seed", range(6))
def test_a_draft_changes_nothing(plain: Whisper, kept: Whisper, seed: int) -> None:
    sound, random = mel(1, 1), np.random.default_rng(seed)
    options = replace(GREEDY, without_timestamps=seed % 2 == 0)
    wanted = decode(plain, plain.encode(sound), options)
    tokens, at = wanted.tokens, int(random.integers(len(wanted.tokens)))
    for draft in (
        tokens,
        tokens[:at],
        (*tokens[:at], 7, *tokens[at + 1 :]),
        (*tokens[:at], 7, 8, *tokens[at:]),
        (*tokens[:at], *tokens[at + 1 :]),
        tuple(random.integers(0, 256, 100).tolist()),
    ):
        drafted = replace(options, draft=draft)
        found = decode(kept, kept.encode(sound), drafted)
        same(found, decode(plain, plain.encode(sound), drafted))
        assert found.tokens == wanted.tokens


@pytest.mark.parametrize("on", [(False,) * 4, (True,) * 4, (True, False, True, False)], ids=str)
@pytest.mark.parametrize("without_timestamps", [True, False])
def test_several_voices_are_heard_together_as_one_by_one(
    plain: Whisper, kept: Whisper, on: tuple[bool, ...], without_timestamps: bool
) -> None:
    """Each with its own sound, prompt, text before, prefix, draft and end."""
    sound, prompt = mel(4), prompts(plain, on)
    common = replace(GREEDY, without_timestamps=without_timestamps)
    first = decode(plain, plain.encode(sound[:1], prompt.rows([0])), common, prompt.rows([0]))
    options = [
        replace(common, draft=(*first.tokens[:6], 7, *first.tokens[7:])),
        replace(common, previous=tuple(range(60, 75)), max_tokens=6),
        replace(common, prefix=(65, 66), draft=(1, 2, 3)),
        replace(common, max_tokens=17),
    ]
    encoded = plain.encode(sound, prompt)
    wanted = [
        decode(plain, encoded.rows([n]), one, prompt.rows([n])) for n, one in enumerate(options)
    ]
    found = decode_rows(kept, kept.encode(sound, prompt), options, prompt)
    for one, other in zip(found, wanted, strict=True):
        same(one, other)
    assert len({len(one.tokens) for one in wanted}) > 2
    alone = decode_rows(plain, encoded, options, prompt)  # arrays: one after the other
    assert [one.tokens for one in alone] == [one.tokens for one in wanted]


@pytest.mark.parametrize("ahead", [1, 3, 8])
def test_looking_seldom_changes_nothing_but_the_number_of_looks(
    plain: Whisper, kept: Whisper, ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer, sound = tokenizer_of(plain), mel(2, 5)
    encoded, rules = plain.encode(sound), Rules(tokenizer, timestamps=False)
    start = tokenizer.start("en", "transcribe", timestamps=False)
    windows = [
        Window(plain, tokenizer, rules, encoded.rows([n]), None, start, (), 20) for n in (0, 1)
    ]
    looks, decode_real = [], type(kept.resident).decode
    monkeypatch.setattr(
        type(kept.resident), "decode", lambda *given: looks.append(1) or decode_real(*given)
    )
    reader = kept.reader(kept.encode(sound), None, rules)
    found = greedy_rows(reader, windows, [(), ()], ahead)
    for one, window in zip(found, windows, strict=True):
        wanted = greedy(window)
        assert one.tokens == wanted.tokens
        np.testing.assert_allclose(one.attention, wanted.attention, atol=1e-5)


def test_what_leaves_the_device_is_a_token_and_how_likely_it_is(
    kept: Whisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where the alignment heads looked; never logits, keys or values."""
    from tap_live.whisper import resident

    home, came, left = [], [], []
    run_bound, fetched = resident.run_bound, resident.Chosen.fetched

    def bound(session: Any, feeds: Any, outputs: Any, *more: Any) -> Any:
        home.extend(outputs)
        came.append({name for name, value in feeds.items() if isinstance(value, np.ndarray)})
        return run_bound(session, feeds, outputs, *more)

    def noted(chosen: Any, **how: Any) -> Any:
        found = fetched(chosen, **how)
        left.append({n: v.size for n, v in vars(found).items() if isinstance(v, np.ndarray)})
        return found

    monkeypatch.setattr(resident, "run_bound", bound)
    monkeypatch.setattr(resident.Chosen, "fetched", noted)
    found = decode(kept, kept.encode(mel(1)), GREEDY)
    assert home == []
    assert left[1:] == [{"token": 1, "logprob": 1, "look": 2 * 30}] * (len(found.tokens) - 1)
    steps = [names for names in came if "tokens" in names]
    assert len(steps) == len(left)
    assert all(names == {"tokens", "last", "position"} for names in steps)


def test_caches_lie_where_they_lay_and_keep_their_shape_from_token_to_token(
    plain: Whisper, kept: Whisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a card allocates nothing for them; what an earlier search left is not seen."""
    from tap_live.whisper import resident

    steps: list[tuple[dict[str, Any], dict[str, Any]]] = []
    run_bound = resident.run_bound

    def bound(session: Any, feeds: Any, *more: Any) -> Any:
        if "tokens" in feeds:
            given = {n: v for n, v in feeds.items() if n.startswith("self_")}
            steps.append((given, more[-1]))
        return run_bound(session, feeds, *more)

    monkeypatch.setattr(resident, "run_bound", bound)
    for seed in (0, 1):
        wanted = decode(plain, plain.encode(mel(1, seed)), GREEDY)
        same(decode(kept, kept.encode(mel(1, seed)), GREEDY), wanted)
    assert len(steps) > 20
    assert {v.shape for given, made in steps for v in [*given.values(), *made.values()]} == {
        (1, 2, 448, 32)
    }
    for given, made in steps:
        assert not {v.address for v in given.values()} & {v.address for v in made.values()}
    assert len({v.address for given, _ in steps for v in given.values()}) == 2 * 4


def test_a_draft_has_room_beside_a_row_that_is_near_its_end(plain: Whisper, kept: Whisper) -> None:
    """All rows read as many columns; a position that the text has not would be refused."""
    tokenizer, rules = tokenizer_of(plain), Rules(tokenizer_of(plain), timestamps=False)
    encoded = plain.encode(mel(2))
    start = tokenizer.start("en", "transcribe", timestamps=False)
    long = (*range(60, 90), *range(60, 90)) * 7
    after = (tokenizer.previous, *long, *start)
    windows = [
        Window(plain, tokenizer, rules, encoded.rows([n]), None, begin, (), limit)
        for n, (begin, limit) in enumerate([(after, 448 - len(after)), (start, 40)])
    ]
    wanted = greedy(windows[1]).tokens
    drafts = [(), (*wanted[:1], 7, *wanted[2:], *range(60, 90))]
    reader = kept.reader(kept.encode(mel(2)), None, rules)
    found = greedy_rows(reader, windows, drafts)
    assert [one.tokens for one in found] == [greedy(windows[0]).tokens, wanted]


def test_the_caches_are_the_newest_readers(kept: Whisper) -> None:
    from tap_live.whisper.resident import Said

    rules = Rules(tokenizer_of(kept), timestamps=False)
    old, new = (kept.reader(kept.encode(mel(1)), None, rules) for _ in range(2))
    token = np.array([[60]])
    said = Said(token, token, token, token)
    assert new.read(token, 1, said, 1).fetched().token.shape == (1, 1)
    with pytest.raises(AssertionError, match="another reader has taken the caches"):
        old.read(token, 1, said, 1)


def test_an_export_without_static_caches_is_searched_in_arrays(
    plain: Whisper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even on a card; and with them nothing loads the graph of the others until it is asked."""
    from tap_live.providers import Where
    from tap_live.whisper import model

    placed = on_a_card(monkeypatch)
    monkeypatch.setattr(model, "Resident", lambda encoder, decoder, device: device)
    card = Whisper(plain.folder, where=Where("cuda"))
    assert (card.resident, card.device) == ("cuda", "cuda")
    assert placed == ["encoder.onnx", "decoder-static.onnx"]
    older = tmp_path / "older"
    shutil.copytree(plain.folder, older)
    (older / "decoder-static.onnx").unlink()
    assert Whisper(older, where=Where("cuda")).resident is None
    assert placed[2:] == ["encoder.onnx", "decoder.onnx"]
    monkeypatch.setattr(card, "resident", None)
    same(decode(card, plain.encode(mel(1)), GREEDY), decode(plain, plain.encode(mel(1)), GREEDY))
    assert placed[4:] == ["decoder.onnx"]


@pytest.mark.parametrize("language", [None, "en"])
def test_warming_up_loads_all_that_the_first_words_need(
    plain: Whisper, language: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The language of a model that knows several included, which is heard on the device too."""
    from tap_live.captions.recogniser import Request
    from tap_live.captions.whisper import WhisperRecogniser
    from tap_live.providers import Where
    from tap_live.whisper import model, resident

    speech = np.random.default_rng(4).standard_normal(2 * RATE).astype(np.float32)
    several = Whisper(plain.folder)
    several.dims = msgspec.structs.replace(several.dims, multilingual=True)
    arrays = WhisperRecogniser(several)
    heard, said = arrays.detect(speech), arrays.recognise(Request(audio=speech))

    placed, real = on_a_card(monkeypatch), resident.place
    monkeypatch.setattr(
        model, "Resident", lambda encoder, decoder, _: resident.Resident(encoder, decoder, "cpu")
    )
    monkeypatch.setattr(
        resident, "place", lambda graph, *on: placed.append(graph.name) or real(graph, *on)
    )
    card = Whisper(plain.folder, where=Where("cuda"))
    card.dims = several.dims
    recogniser = WhisperRecogniser(card)
    detected, detect = [], recogniser.detect
    monkeypatch.setattr(recogniser, "detect", lambda audio: detected.append(1) or detect(audio))
    recogniser.warm_up(language)
    assert len(detected) == (language is None)
    before = [*placed]
    assert recogniser.detect(speech) == pytest.approx(heard, rel=1e-3)
    found = recogniser.recognise(Request(audio=speech))
    assert [word.tokens for word in found.words] == [word.tokens for word in said.words]
    assert placed == before and "decoder.onnx" not in placed


@pytest.mark.parametrize("beam", [1, 3])
def test_nothing_that_a_failed_step_left_on_the_device_is_seen_by_the_next_window(
    plain: Whisper, kept: Whisper, beam: int
) -> None:
    options = replace(GREEDY, beam=beam, max_tokens=8)
    good = kept.encode(mel(1))
    wanted = decode(plain, plain.encode(mel(1)), options)
    same(decode(kept, good, options), wanted)
    assert kept.resident is not None
    held = kept.resident.caches(1)[0][0].whole
    for model in (plain, kept):
        with pytest.raises((BundleError, ValueError)):  # a beam of NaN has no best
            decode(model, spoilt(good), options)
    same(decode(kept, good, options), wanted)
    assert kept.resident.caches(1)[0][0].whole is not held


def test_what_lies_where_nobody_may_look_counts_if_it_is_nan(kept: Whisper) -> None:
    """So caches that nobody vouches for have to be made anew."""
    good = kept.encode(mel(1))
    with pytest.raises(BundleError, match="wanted words from Whisper on cpu, found NaN"):
        decode(kept, spoilt(good), GREEDY)
    assert kept.resident is not None
    kept.resident.vouch()
    with pytest.raises(BundleError, match="wanted words from Whisper on cpu, found NaN"):
        decode(kept, good, GREEDY)


def test_a_search_that_was_broken_off_leaves_nothing_to_the_next(
    plain: Whisper, kept: Whisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card's complaint ends the search after NaN was written."""
    from tap_live.whisper import resident

    good = kept.encode(mel(2))
    monkeypatch.setattr(resident.Resident, "choose", refused)
    with pytest.raises(RuntimeError, match="CUDA error 700"):
        decode_rows(kept, spoilt(good), [GREEDY] * 2)
    monkeypatch.undo()
    found = decode_rows(kept, good, [GREEDY] * 2)
    wanted = decode_rows(plain, plain.encode(mel(2)), [GREEDY] * 2)
    assert [one.tokens for one in found] == [one.tokens for one in wanted]


def spoilt(encoded: Encoded) -> Encoded:
    here = encoded.fetched()
    return replace(here, cross_v=here.cross_v * np.float32("nan"))


def refused(*given: Any) -> Any:
    raise RuntimeError("CUDA error 700")


@pytest.mark.parametrize("on", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_beams_find_what_they_find_in_arrays(
    plain: Whisper, kept: Whisper, seed: int, on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no logits come for it: some tokens of each path, and how likely they are."""
    prompt = prompts(plain, [True]) if on else None
    options = replace(
        GREEDY, beam=5, max_tokens=16, without_timestamps=seed > 0, prefix=(65, 66)[:seed]
    )
    wanted = decode(plain, plain.encode(mel(1, seed), prompt), options, prompt)
    monkeypatch.setattr(kept, "decode", None)  # the way of arrays
    found = decode(kept, kept.encode(mel(1, seed), prompt), options, prompt)
    same(found, wanted)
    assert len(wanted.tokens) > 3


def test_languages_and_beams_are_found_where_the_state_is_kept(
    plain: Whisper, kept: Whisper
) -> None:
    sound = mel(2)
    wide = replace(GREEDY, beam=3, max_tokens=8)
    for options in ([wide] * 2, [GREEDY, replace(GREEDY, without_timestamps=False)]):
        encoded = plain.encode(sound)
        wanted = [decode(plain, encoded.rows([n]), one).tokens for n, one in enumerate(options)]
        found = decode_rows(kept, kept.encode(sound), options)
        assert [one.tokens for one in found] == wanted
    asked = replace(GREEDY, language=None)
    assert decode(kept, kept.encode(sound[:1]), asked).language == "en"


def test_an_answer_that_is_not_good_is_tried_again_alone(plain: Whisper, kept: Whisper) -> None:
    sound = mel(2)
    options = replace(GREEDY, temperatures=(0.0, 0.5), min_logprob=0.0, max_no_speech=None)
    wanted = [decode(plain, plain.encode(sound).rows([n]), options) for n in (0, 1)]
    found = decode_rows(kept, kept.encode(sound), [options] * 2)
    assert [one.temperature for one in found] == [0.5, 0.5]
    assert [one.tokens for one in found] == [one.tokens for one in wanted]


def test_the_bench_times_tokens_where_the_state_is_kept(
    kept: Whisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same token each time: what was read after the context is forgotten."""
    from tap_live.bench_graphs import whisper_steps

    monkeypatch.setattr(kept, "decode", None)  # the way of arrays
    step = whisper_steps("fp32", kept, "cuda").graphs["decoder"](2)
    first, second = step(), step()
    assert isinstance(first, Chosen) and isinstance(second, Chosen)
    np.testing.assert_array_equal(first.token, second.token)
    assert first.token.shape == (2, 1)


def test_the_check_for_cards_compares_and_times_it(plain: Whisper, kept: Whisper) -> None:
    from tap_live.export.gpu_search import search

    found, right = search(plain, kept, rows=3, runs=1)
    assert right and found.startswith("the same tokens; 3 rows in ")


def test_a_model_that_keeps_nothing_has_no_reader(plain: Whisper) -> None:
    rules = Rules(tokenizer_of(plain), timestamps=False)
    with pytest.raises(
        ConfigError, match="wanted a Whisper that keeps its state, found one on cpu"
    ):
        plain.reader(plain.encode(mel(1)), None, rules)


@pytest.mark.slow
def test_real_speech_is_heard_as_in_arrays(tiny_en: Whisper, conversation: Any) -> None:
    audio, kept = conversation[0], keeping(tiny_en)
    starts = (0, 9, 18, 27)
    spans = [audio[start * RATE : (start + 8) * RATE] for start in starts]
    sound = np.stack([log_mel(span, context_frames(8.0)) for span in spans])
    encoded = tiny_en.encode(sound)
    for without_timestamps in (True, False):
        options = DecodingOptions(language="en", without_timestamps=without_timestamps)
        wanted = [decode(tiny_en, encoded.rows([n]), options) for n in range(4)]
        for one, other in zip(
            decode_rows(kept, kept.encode(sound), [options] * 4), wanted, strict=True
        ):
            same(one, other)
        drafted = [replace(options, draft=(*one.tokens[:5], 50, *one.tokens[6:])) for one in wanted]
        for one, other in zip(decode_rows(kept, kept.encode(sound), drafted), wanted, strict=True):
            assert one.tokens == other.tokens
        assert sum(len(one.tokens) for one in wanted) > 60
    wide = DecodingOptions(language="en", beam=5)
    for row in range(2):
        here, there = (one.encode(sound[row : row + 1]) for one in (tiny_en, kept))
        same(decode(kept, there, wide), decode(tiny_en, here, wide))
