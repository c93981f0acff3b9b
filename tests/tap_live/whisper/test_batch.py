import re
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tap_live.whisper.batch import BatchOptions, segment_cuts, transcribe, without_loop
from tap_live.whisper.decoding import DecodingOptions, Hypothesis, decode
from tap_live.whisper.features import RATE, log_mel
from tap_live.whisper.model import Whisper
from tap_live.whisper.tokens import Tokenizer

QUICK = BatchOptions(decoding=DecodingOptions(language="en"))


@pytest.fixture
def tokenizer(tokenizer_folder: Path) -> Tokenizer:
    return Tokenizer(tokenizer_folder, multilingual=True)


def line(tokenizer: Tokenizer, *parts: float | str) -> list[int]:
    """Tokens of texts and of times in seconds."""
    tokens: list[int] = []
    for part in parts:
        if isinstance(part, str):
            tokens += tokenizer.encode(part)
        else:
            tokens.append(tokenizer.first_timestamp + round(part * 50))
    return tokens


def noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(round(seconds * RATE)).astype(np.float32) * 0.1


def test_segments_are_cut_where_two_timestamps_meet(tokenizer: Tokenizer) -> None:
    tokens = line(tokenizer, 0.0, " hello", 1.0, 1.5, " world", 2.0)
    cuts, closed = segment_cuts(tokenizer, tokens, 30.0)
    assert [(cut.start, cut.end) for cut in cuts] == [(0.0, 1.0), (1.5, 2.0)]
    assert [tokenizer.decode(cut.tokens) for cut in cuts] == [" hello", " world"]
    assert closed


def test_an_unfinished_segment_is_left_to_the_next_window(tokenizer: Tokenizer) -> None:
    tokens = line(tokenizer, 0.0, " hello", 1.0, 1.5, " wor")
    cuts, closed = segment_cuts(tokenizer, tokens, 30.0)
    assert [tokenizer.decode(cut.tokens) for cut in cuts] == [" hello"]
    assert not closed


def test_without_pairs_all_is_one_segment(tokenizer: Tokenizer) -> None:
    for parts, end, complete in (
        ((" hello",), 12.0, False),
        ((0.0, " hello", 3.0), 3.0, True),
        ((0.0, " hello", 20.0), 12.0, True),
    ):
        cuts, closed = segment_cuts(tokenizer, line(tokenizer, *parts), 12.0)
        assert [(cut.start, cut.end) for cut in cuts] == [(0.0, end)]
        assert closed == complete


def test_a_loop_is_cut_after_its_first_round(tokenizer: Tokenizer) -> None:
    tokens = line(tokenizer, 0.0, " a day", 1.0, *[1.0, " is it", 2.0] * 4)
    kept = without_loop(tokenizer, tokens)
    assert tokenizer.decode(kept) == " a day is it"
    said = line(tokenizer, 0.0, " is it is it a day", 2.0)
    assert list(without_loop(tokenizer, said)) == said


def test_a_window_begins_after_the_last_word_of_the_one_before(
    make_telling: Any, tokenizer: Tokenizer
) -> None:
    first = line(tokenizer, 0.0, " hello world", 2.0, 2.0, " it is a", 20.0, 20.0, " lo")
    model = make_telling([first, line(tokenizer, 0.0, " long day", 2.0)])
    audio = noise(31.0)
    segments = list(transcribe(model, audio, QUICK))
    assert [s.text for s in segments] == ["hello world", "it is a", "long day"]
    begun = round(segments[1].end * RATE)
    np.testing.assert_array_equal(
        model.windows[1][0], log_mel(audio[begun : begun + 30 * RATE], 3000)
    )
    assert segments[2].words[0].start >= segments[1].words[-1].end


def test_the_text_so_far_leads_the_next_window(make_telling: Any, tokenizer: Tokenizer) -> None:
    lines = [line(tokenizer, 0.0, " hello", 1.0), line(tokenizer, 0.0, " world", 1.0)]
    model = make_telling(lines)
    list(transcribe(model, noise(40.0), QUICK))
    assert (tokenizer.previous, *lines[0], tokenizer.sot) in model.shown
    model = make_telling(lines)
    forgetful = BatchOptions(decoding=QUICK.decoding, follow_text=False)
    list(transcribe(model, noise(40.0), forgetful))
    assert set(model.shown) == {(tokenizer.sot,)}


def test_silence_has_no_segments_and_goes_window_by_window(
    make_telling: Any, tokenizer: Tokenizer
) -> None:
    model = make_telling([line(tokenizer, 0.0, " hello", 1.0)] * 3, no_speech=0.9)
    told: list[int] = []
    assert list(transcribe(model, noise(70.0), QUICK, progress=told.append)) == []
    assert told == [30 * RATE, 60 * RATE, 70 * RATE]


def test_a_language_that_was_heard_in_silence_is_none(
    make_telling: Any, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    def decoded(model: Any, encoded: Any, options: DecodingOptions, prompt: Any) -> Hypothesis:
        asked.append(options.language)
        heard = decode(model, encoded, replace(options, language="en"), prompt)
        if len(asked) == 1:
            return replace(heard, language="cy", no_speech=0.9, average_logprob=-3.0)
        return replace(heard, language="de")

    monkeypatch.setattr("tap_live.whisper.batch.decode", decoded)
    model = make_telling([line(tokenizer, 0.0, " hello", 1.0)] * 3)
    said = [*transcribe(model, noise(70.0), BatchOptions(decoding=DecodingOptions()))]
    assert asked == [None, None, "de"] and {one.language for one in said} == {"de"}


def test_words_lie_in_their_segment_and_the_recording(
    make_telling: Any, tokenizer: Tokenizer
) -> None:
    model = make_telling([line(tokenizer, 0.0, " hello world", 0.4, 0.4, " it is a day", 1.2)])
    segments = list(transcribe(model, noise(2.0), QUICK))
    assert ["".join(w.text for w in s.words) for s in segments] == [" hello world", " it is a day"]
    times = [t for s in segments for w in s.words for t in (w.start, w.end)]
    assert times == sorted(times)
    assert times[-1] <= 2.0
    assert all(s.start == s.words[0].start and s.end == s.words[-1].end for s in segments)


@pytest.mark.parametrize("size", [1000, 16_000, 700_000])
def test_blocks_of_any_size_give_the_same_segments(
    make_telling: Any, tokenizer: Tokenizer, size: int
) -> None:
    lines = [line(tokenizer, 0.0, " hello", 1.0, 1.0, " wor"), line(tokenizer, 0.0, " world", 1.0)]
    audio = noise(32.0)
    blocks = (audio[n : n + size] for n in range(0, len(audio), size))
    whole = list(transcribe(make_telling([*lines, lines[1]]), audio, QUICK))
    assert list(transcribe(make_telling([*lines, lines[1]]), blocks, QUICK)) == whole


@pytest.mark.parametrize("samples", [0, 1, 1599])
def test_audio_too_short_for_a_word_has_none(make_telling: Any, samples: int) -> None:
    assert list(transcribe(make_telling([]), noise(samples / RATE), QUICK)) == []


def test_memory_does_not_grow_with_the_recording(make_telling: Any, tokenizer: Tokenizer) -> None:
    def minutes(count: int) -> Iterator[np.ndarray]:
        for _ in range(count * 60):
            yield noise(1.0)

    def peak(count: int) -> int:
        model = make_telling([line(tokenizer, 0.0, " hello", 1.0)] * count * 2)
        model.encode = lambda mel, prompt=None: 0
        tracemalloc.start()
        assert len(list(transcribe(model, minutes(count), QUICK))) == count * 2
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    assert peak(6) < 1.1 * peak(2)


@pytest.mark.slow
def test_a_conversation_is_heard_whole_with_every_word_in_its_turn(
    tiny_en: Whisper, conversation: Any
) -> None:
    jiwer = pytest.importorskip("jiwer")
    audio, transcript = conversation
    segments = list(transcribe(tiny_en, audio, BatchOptions()))
    said = " ".join(turn["text"] for turn in transcript["turns"])
    heard = " ".join(segment.text for segment in segments)
    assert jiwer.wer(plain(said), plain(heard)) < 0.15
    words = [word for segment in segments for word in segment.words]
    assert all(a.start <= b.start for a, b in pairwise(words))
    turns = [(turn["start"] - 0.5, turn["end"] + 0.5) for turn in transcript["turns"]]
    inside = [any(start <= w.start and w.end <= end for start, end in turns) for w in words]
    assert np.mean(inside) > 0.95


def plain(text: str) -> str:
    return re.sub(r"[^a-z0-9' ]", "", text.lower())
