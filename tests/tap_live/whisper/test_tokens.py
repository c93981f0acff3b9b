from itertools import chain
from pathlib import Path

import pytest

from tap_live.errors import BundleError, ConfigError
from tap_live.whisper.tokens import Tokenizer


@pytest.fixture
def tokenizer(tokenizer_folder: Path) -> Tokenizer:
    return Tokenizer(tokenizer_folder, multilingual=True)


def test_text_comes_back(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode(tokenizer.encode(" hello, café 😀")) == " hello, café 😀"


def test_marks_and_times_are_no_text(tokenizer: Tokenizer) -> None:
    marked = [tokenizer.first_timestamp, *tokenizer.encode(" hello"), tokenizer.eot]
    assert tokenizer.decode(marked) == " hello"


def test_a_cut_character_ends_in_a_replacement(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode(tokenizer.encode("a😀")[:-1]).endswith("\ufffd")


def test_languages_are_read_from_the_vocabulary(tokenizer: Tokenizer) -> None:
    assert list(tokenizer.languages) == ["en", "de", "ja"]


def test_an_unknown_language_is_refused_with_those_known(tokenizer: Tokenizer) -> None:
    with pytest.raises(ConfigError, match=r"'xx', this model knows en, de, ja"):
        tokenizer.start("xx", "transcribe", timestamps=True)


def test_a_start_names_language_task_and_times(tokenizer: Tokenizer) -> None:
    start = tokenizer.start("de", "transcribe", timestamps=False)
    assert start[0] == tokenizer.sot
    assert start[1] == tokenizer.languages["de"]
    assert start[-1] == tokenizer.no_timestamps
    assert tokenizer.start("de", "transcribe", timestamps=True) == start[:-1]


def test_an_english_model_is_told_neither_language_nor_task(tokenizer_folder: Path) -> None:
    english = Tokenizer(tokenizer_folder, multilingual=False)
    assert english.start("en", "transcribe", timestamps=True) == (english.sot,)
    with pytest.raises(ConfigError, match=r"this model knows en$"):
        english.start("de", "transcribe", timestamps=True)


def test_timestamps_are_20_ms_apart(tokenizer: Tokenizer) -> None:
    assert tokenizer.seconds(tokenizer.first_timestamp) == 0
    assert tokenizer.seconds(tokenizer.first_timestamp + 1500) == 30


def test_words_begin_at_spaces_and_marks_stand_alone(tokenizer: Tokenizer) -> None:
    words = tokenizer.words(tokenizer.encode(" hello world, naïve!"), "en")
    assert [tokenizer.decode(word) for word in words] == [" hello", " world", ",", " naïve", "!"]


def test_where_no_spaces_are_written_words_are_characters(tokenizer: Tokenizer) -> None:
    tokens = tokenizer.encode("日月😀")
    words = tokenizer.words(tokens, "ja")
    assert [tokenizer.decode(word) for word in words] == ["日", "月", "😀"]
    assert [*chain(*words)] == tokens


def test_a_cut_last_character_stays_with_the_words(tokenizer: Tokenizer) -> None:
    tokens = tokenizer.encode(" hello 😀")[:-1]
    assert [*chain(*tokenizer.words(tokens, "en"))] == tokens


def test_a_folder_without_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"tokenizer\.json, found none"):
        Tokenizer(tmp_path, multilingual=False)


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(
        '{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}, "added_tokens": []}'
    )
    with pytest.raises(BundleError, match=r"without <\|endoftext\|>"):
        Tokenizer(tmp_path, multilingual=False)


def test_whisper_never_says_what_openai_lists(whisper_folder: Path) -> None:
    import json

    listed = json.loads((whisper_folder / "config.json").read_text())
    tokenizer = Tokenizer(whisper_folder, multilingual=False)
    assert sorted(tokenizer.never) == sorted(listed["suppress_ids"])
    assert sorted(tokenizer.blank) == sorted(listed["suppress_ids_begin"])
