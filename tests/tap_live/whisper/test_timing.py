import dataclasses
import difflib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tap_live.whisper.decoding import DecodingOptions, decode
from tap_live.whisper.features import MAX_FRAMES, RATE, context_frames, log_mel
from tap_live.whisper.model import Whisper
from tap_live.whisper.timing import (
    TimedWord,
    joined,
    median_of_7,
    shortened,
    token_starts,
    warp,
    word_times,
)

GREEDY = DecodingOptions(language="en", without_timestamps=True)


def word(text: str, start: float = 0.0, end: float = 0.0) -> TimedWord:
    return TimedWord(text, tuple(text.encode()), start, end, 1.0)


def step_by_step(cost: np.ndarray) -> list[int]:
    """Dynamic time warping cell by cell, as in a textbook."""
    rows, columns = cost.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0
    for i in range(rows):
        for j in range(columns):
            total[i + 1, j + 1] = cost[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    i, j, starts = rows, columns, [0] * rows
    while i > 0:
        starts[i - 1] = j - 1
        before = {(i - 1, j - 1), (i - 1, j), (i, j - 1)}
        i, j = min(before, key=lambda cell: total[cell])
    return starts


@pytest.mark.parametrize("shape", [(1, 7), (5, 20), (10, 3), (30, 30), (12, 90)])
def test_whole_rows_give_the_path_of_single_cells(shape: tuple[int, int]) -> None:
    for seed in range(5):
        cost = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
        assert warp(cost).tolist() == step_by_step(cost.astype(np.float64))


@pytest.mark.parametrize("size", [4, 7, 100])
def test_the_median_is_scipys(size: int) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    x = np.random.default_rng(0).standard_normal((2, 3, size)).astype(np.float32)
    theirs = ndimage.median_filter(x, size=(1, 1, 7), mode="mirror")
    np.testing.assert_array_equal(median_of_7(x), theirs)


def test_a_picture_too_short_to_smooth_stays() -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(median_of_7(x), x)


def test_tokens_begin_where_attention_moves_on() -> None:
    places = np.array([0, 10, 30, 60, 100])
    positions = np.arange(120)
    begins = np.array([*places, 120])
    inside = (positions >= begins[:-1, None]) & (positions < begins[1:, None])
    attention = np.repeat((0.01 + inside)[None], 3, axis=0).astype(np.float32)
    np.testing.assert_allclose(token_starts(attention, 5), places, atol=1)


def test_words_follow_each_other_inside_the_audio(scripted: Any) -> None:
    hypothesis = decode(scripted, None, GREEDY)
    words = word_times(scripted, None, hypothesis, seconds=0.7)
    times = [time for word in words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= 0.7
    assert "".join(word.text for word in words).strip() == hypothesis.text
    assert [*hypothesis.tokens] == [token for word in words for token in word.tokens]


def test_attention_collected_on_the_way_is_that_of_a_second_look(scripted: Any) -> None:
    hypothesis = decode(scripted, None, GREEDY)
    second = dataclasses.replace(hypothesis, attention=None)
    scripted.calls = 0
    once = word_times(scripted, None, hypothesis, 0.9)
    assert scripted.calls == 0
    assert once == word_times(scripted, None, second, 0.9)
    assert scripted.calls == 1


def test_a_prompt_gives_back_the_time_it_took(scripted: Any) -> None:
    hypothesis = decode(scripted, None, GREEDY)
    positions = 1 + scripted.dims.prompt_length
    plain = token_starts(hypothesis.attention[..., positions:], len(hypothesis.tokens) + 1)
    words = word_times(scripted, None, hypothesis, 10.0, prompt=object())
    assert words[0].start == pytest.approx(plain[0] * 0.02)


def test_nothing_said_has_no_times(scripted: Any) -> None:
    silent = dataclasses.replace(decode(scripted, None, GREEDY), tokens=(), token_logprobs=())
    assert word_times(scripted, None, silent, 1.0) == ()


def test_punctuation_is_written_with_its_word() -> None:
    words = [word(text) for text in (" He", " said", ",", ' "', "Go", "!", '"', " -", " now")]
    assert [w.text for w in joined(words)] == [" He", " said,", ' "Go!"', " - now"]
    assert joined(words)[1].tokens == tuple(b" said,")


def test_a_pause_does_not_belong_to_the_word_after_it() -> None:
    words = [word(" one", 0, 0.3), word(".", 0.3, 0.4), word(" two", 0.4, 4.0), word(" b", 4, 4.3)]
    cut = shortened(words)
    assert cut[2].start == pytest.approx(4.0 - 2 * 0.3)
    assert cut[2].end == 4.0
    assert [w for n, w in enumerate(cut) if n != 2] == [w for n, w in enumerate(words) if n != 2]


@pytest.mark.slow
@pytest.mark.parametrize("context", ["whole", "short"])
def test_words_are_where_faster_whisper_hears_them(
    tiny_en: Whisper, whisper_folder: Path, conversation: Any, context: str
) -> None:
    peer = pytest.importorskip("faster_whisper").WhisperModel(str(whisper_folder), device="cpu")
    audio = conversation[0][: 24 * RATE]
    segments, _ = peer.transcribe(
        audio, beam_size=1, temperature=0.0, word_timestamps=True, without_timestamps=True
    )
    theirs = [word for segment in segments for word in segment.words]
    frames = MAX_FRAMES if context == "whole" else context_frames(24.0)
    encoded = tiny_en.encode(log_mel(audio, frames)[None])
    ours = word_times(tiny_en, encoded, decode(tiny_en, encoded, GREEDY), 24.0)
    texts = [word.word.strip() for word in theirs], [word.text.strip() for word in ours]
    blocks = difflib.SequenceMatcher(None, *texts, autojunk=False).get_matching_blocks()
    pairs = [(theirs[i + n], ours[j + n]) for i, j, size in blocks for n in range(size)]
    assert len(pairs) > 0.8 * len(theirs)
    assert np.median([abs(a.start - b.start) for a, b in pairs]) < 0.06
    assert np.median([abs(a.end - b.end) for a, b in pairs]) < 0.06
