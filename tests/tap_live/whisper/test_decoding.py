from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tap_live.errors import ConfigError
from tap_live.whisper.decoding import (
    FALLBACK,
    DecodingOptions,
    compression_ratio,
    decode,
    detect_language,
    tokenizer_of,
)
from tap_live.whisper.features import RATE, context_frames, log_mel
from tap_live.whisper.model import Whisper
from tap_live.whisper.rules import Rules, log_softmax
from tap_live.whisper.search import agreement, resumed

GREEDY = DecodingOptions(language="en", without_timestamps=True)
STRICT = {"max_compression_ratio": None, "min_logprob": None, "max_no_speech": None}


def stepped(model: Any, options: DecodingOptions) -> tuple[list[int], list[float]]:
    """Greedy as it is defined: one token at a time, whole history each time."""
    tokenizer = tokenizer_of(model)
    rules = Rules(tokenizer, timestamps=not options.without_timestamps)
    start = tokenizer.start("en", "transcribe", timestamps=not options.without_timestamps)
    said, logprobs = list(options.prefix), []
    while len(said) < 32:
        ruled = rules.apply(model.likely((*start, *said)).astype(np.float32)[None], [said])
        token = int(ruled[0].argmax())
        logprobs.append(float(log_softmax(ruled)[0, token]))
        if token == tokenizer.eot:
            break
        said.append(token)
    return said, logprobs


@pytest.mark.parametrize("without_timestamps", [True, False])
def test_greedy_says_the_likeliest_token_each_time(scripted: Any, without_timestamps: bool) -> None:
    options = replace(GREEDY, without_timestamps=without_timestamps)
    tokens, logprobs = stepped(scripted, options)
    found = decode(scripted, None, options)
    assert list(found.tokens) == tokens
    assert len(tokens) > 5
    assert found.average_logprob == pytest.approx(np.mean(logprobs), rel=1e-4)
    assert found.token_logprobs == pytest.approx(logprobs[: len(tokens)], rel=1e-4)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("without_timestamps", [True, False])
def test_a_draft_never_changes_the_result(
    scripted: Any, seed: int, without_timestamps: bool
) -> None:
    """Right, cut, wrong in one place, with a word too many or too few, or nonsense."""
    options = replace(GREEDY, without_timestamps=without_timestamps)
    plain = decode(scripted, None, options)
    random = np.random.default_rng(seed)
    tokens = plain.tokens
    at = int(random.integers(len(tokens)))
    drafts = [
        tokens,
        tokens[:at],
        (*tokens[:at], 7, *tokens[at + 1 :]),
        (*tokens[:at], 7, 8, *tokens[at:]),
        (*tokens[:at], *tokens[at + 1 :]),
        (*tokens, 7, 8, 9),
        tuple(random.integers(0, 256, 100).tolist()),
    ]
    for draft in drafts:
        found = decode(scripted, None, replace(options, draft=draft))
        assert found == plain
        np.testing.assert_array_equal(found.attention, plain.attention)


def test_a_right_draft_takes_one_call(scripted: Any) -> None:
    plain = decode(scripted, None, GREEDY)
    scripted.calls = 0
    decode(scripted, None, replace(GREEDY, draft=plain.tokens))
    assert scripted.calls == 1


def test_a_draft_goes_on_after_a_token_that_was_replaced(scripted: Any) -> None:
    plain = decode(scripted, None, GREEDY)
    middle = len(plain.tokens) // 2
    scripted.calls = 0
    wrong = (*plain.tokens[:middle], 7, *plain.tokens[middle + 1 :])
    decode(scripted, None, replace(GREEDY, draft=wrong))
    assert scripted.calls == 2


@pytest.mark.parametrize(
    ("draft", "said", "rest"),
    [([1, 2, 3], 9, [2, 3]), ([1, 2, 3], 2, [3]), ([], 2, []), ([1, 2, 3, 4, 5], 5, [2, 3, 4, 5])],
)
def test_a_draft_resumes_after_the_same_token_if_it_is_near(
    draft: list[int], said: int, rest: list[int]
) -> None:
    assert resumed(draft, said) == rest


def test_agreement_ends_at_the_first_difference() -> None:
    assert agreement([1, 2, 3], [1, 2, 4, 5]) == 2
    assert agreement([], [1]) == 0


def test_a_prefix_is_kept_and_followed(scripted: Any) -> None:
    options = replace(GREEDY, prefix=(65, 66, 67))
    tokens, logprobs = stepped(scripted, options)
    found = decode(scripted, None, options)
    assert list(found.tokens) == tokens
    assert found.tokens[:3] == (65, 66, 67)
    assert len(found.token_logprobs) == len(tokens)
    assert found.average_logprob == pytest.approx(np.mean(logprobs), rel=1e-4)


def test_text_before_prefix_and_draft_fit_into_the_context(scripted: Any) -> None:
    options = replace(GREEDY, previous=(65,) * 50, prefix=(66,) * 20)
    plain = decode(scripted, None, options)
    assert decode(scripted, None, replace(options, draft=(67,) * 50)) == plain
    assert len(decode(scripted, None, replace(options, beam=3)).tokens) <= 28


def test_an_answer_never_grows_longer_than_asked(scripted: Any) -> None:
    plain = decode(scripted, None, GREEDY)
    for options in (GREEDY, replace(GREEDY, beam=3), replace(GREEDY, temperatures=(0.5,))):
        found = decode(scripted, None, replace(options, max_tokens=4))
        assert len(found.tokens) <= 4
    drafted = decode(scripted, None, replace(GREEDY, max_tokens=4, draft=plain.tokens))
    assert drafted.tokens == plain.tokens[:4]


def test_the_text_before_is_read_and_not_said_again(scripted: Any) -> None:
    read = []
    real = scripted.likely
    scripted.likely = lambda tokens: read.append(tokens) or real(tokens)
    found = decode(scripted, None, replace(GREEDY, previous=tuple(range(60, 120))))
    tokenizer = tokenizer_of(scripted)
    half = scripted.dims.n_text_ctx // 2
    assert read[-1][: half + 1] == (tokenizer.previous, *range(120 - half + 1, 120), tokenizer.sot)
    assert found.attention.shape[1] == 4 + len(found.tokens)


@pytest.mark.slow
def test_a_draft_never_changes_what_is_heard_in_real_speech(
    tiny_en: Whisper, conversation: Any
) -> None:
    audio = conversation[0][: 12 * RATE]
    encoded = tiny_en.encode(log_mel(audio, context_frames(12.0))[None])
    plain = decode(tiny_en, encoded, GREEDY)
    assert len(plain.tokens) > 30
    for draft in (plain.tokens, plain.tokens[:20], (*plain.tokens[:9], 50, *plain.tokens[12:])):
        assert decode(tiny_en, encoded, replace(GREEDY, draft=draft)).tokens == plain.tokens


def by_the_book(model: Any, beam: int, limit: int) -> list[int]:
    """Beam search as OpenAI's program does it: a table of sequences, ranked anew each time."""
    tokenizer = tokenizer_of(model)
    rules = Rules(tokenizer, timestamps=False)
    start = tokenizer.start("en", "transcribe", timestamps=False)
    kept: dict[tuple[int, ...], float] = {(): 0.0}
    finished: dict[tuple[int, ...], float] = {}
    for _ in range(limit):
        scores = {}
        for said, total in kept.items():
            ruled = rules.apply(model.likely((*start, *said)).astype(np.float32)[None], [said])
            logprobs = log_softmax(ruled)[0]
            for token in np.argsort(-logprobs)[: beam + 1]:
                scores[(*said, int(token))] = total + float(logprobs[token])
        kept = {}
        for said in sorted(scores, key=lambda said: -scores[said]):
            if said[-1] == tokenizer.eot:
                finished[said[:-1]] = scores[said]
            else:
                kept[said] = scores[said]
            if len(kept) == beam:
                break
        if len(finished) >= beam:
            break
    else:
        left = sorted(kept, key=lambda said: -kept[said])
        finished.update({said: kept[said] for said in left[: beam - len(finished)]})
    return list(max(finished, key=lambda said: finished[said] / len(said)))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("beam", [2, 5])
def test_beam_search_finds_what_openais_finds(make_scripted: Any, seed: int, beam: int) -> None:
    model = make_scripted(seed=seed)
    found = decode(model, None, replace(GREEDY, beam=beam, max_tokens=20))
    assert list(found.tokens) == by_the_book(model, beam, 20)


def test_a_beam_is_no_less_likely_than_greedy(make_scripted: Any) -> None:
    greedy, wide = [
        np.mean([decode(make_scripted(seed=s), None, o).average_logprob for s in range(10)])
        for o in (GREEDY, replace(GREEDY, beam=5))
    ]
    assert wide > greedy


def test_sampling_is_repeatable_and_follows_the_seed(scripted: Any) -> None:
    warm = replace(GREEDY, temperatures=(1.0,), **STRICT)
    first, again = decode(scripted, None, warm), decode(scripted, None, warm)
    other = decode(scripted, None, replace(warm, seed=1))
    assert first == again
    assert first.tokens != other.tokens
    assert first.temperature == 1.0


def test_sampling_when_cold_is_greedy(scripted: Any) -> None:
    cold = decode(scripted, None, replace(GREEDY, temperatures=(1e-6,)))
    assert cold.tokens == decode(scripted, None, GREEDY).tokens


def test_an_improbable_answer_is_tried_again_warmer(scripted: Any) -> None:
    plain = decode(scripted, None, GREEDY)
    options = replace(GREEDY, temperatures=FALLBACK, max_no_speech=None)
    content = decode(scripted, None, replace(options, min_logprob=plain.average_logprob - 1))
    assert content == plain
    never = decode(scripted, None, replace(options, min_logprob=0.0))
    assert never.temperature == 1.0
    assert never.average_logprob >= plain.average_logprob


def test_what_looks_like_silence_is_not_tried_again(scripted: Any) -> None:
    options = replace(GREEDY, temperatures=FALLBACK, min_logprob=0.0, max_no_speech=0.0)
    found = decode(scripted, None, options)
    assert found.temperature == 0
    assert found.silent(options)


def test_repetition_compresses() -> None:
    assert compression_ratio("thank you " * 30) > 2.4 > compression_ratio("it is a long day")
    assert compression_ratio("") == 0


def test_the_language_heard_is_the_likeliest_language(scripted: Any) -> None:
    tokenizer = tokenizer_of(scripted)
    logits = scripted.likely((tokenizer.sot,))
    name, likely = detect_language(scripted, None)
    assert name == max(tokenizer.languages, key=lambda n: logits[tokenizer.languages[n]])
    assert sum(likely.values()) == pytest.approx(1)
    assert decode(scripted, None, replace(GREEDY, language=None)).language == name


def test_no_speech_is_read_at_the_start_of_the_transcript(scripted: Any) -> None:
    tokenizer = tokenizer_of(scripted)
    for previous in ((), (65, 66)):
        before = (tokenizer.previous, *previous) if previous else ()
        logits = scripted.likely((*before, tokenizer.sot))[None]
        wanted = np.exp(log_softmax(logits)[0, tokenizer.no_speech])
        found = decode(scripted, None, replace(GREEDY, previous=previous))
        assert found.no_speech == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"beam": 0}, "wanted beam of 1 or more, found 0"),
        ({"best_of": 0}, "wanted best_of of 1 or more, found 0"),
        ({"temperatures": ()}, r"at least one, found \(\)"),
        ({"patience": 0}, "wanted a patience above 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DecodingOptions(**wrong)


def test_a_prefix_that_leaves_no_room_is_refused(scripted: Any) -> None:
    with pytest.raises(ConfigError, match="prefix shorter than the 4 tokens of an answer"):
        decode(scripted, None, replace(GREEDY, prefix=(65,) * 4, max_tokens=4))
