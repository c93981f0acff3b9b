import numpy as np
import pytest

from tap_live.export.word_errors import Errors, a_minute, errors, permuted_errors, rate


def test_errors_come_in_three_kinds() -> None:
    found = errors("the cat sat on the mat here", "a cat sat on mat here now")
    assert (found.words, found.substituted, found.left_out, found.put_in) == (7, 1, 1, 1)


def test_case_and_punctuation_are_no_errors() -> None:
    assert errors("IT IS TWENTY DOLLARS", "It is $20.").count == 0


def test_where_nothing_was_said_every_word_is_put_in() -> None:
    assert errors("", "thank you") == Errors(0, 0, 0, 2)
    assert errors("", "") == Errors(0, 0, 0, 0)


def test_voices_are_matched_in_the_best_way() -> None:
    said = ["ant bee cat", "dog elk"]
    assert permuted_errors(said, {"b": "dog elk", "a": "ant bee cat"}).count == 0
    swapped = permuted_errors(said, ["dog elk fox", "ant bee cat"])
    assert (swapped.words, swapped.put_in, swapped.count) == (5, 1, 1)


def test_a_voice_too_few_or_too_many_is_all_errors() -> None:
    assert permuted_errors(["ant bee", "cat"], ["ant bee"]).left_out == 1
    assert permuted_errors(["ant bee"], ["ant bee", "cat dog"]).put_in == 2


def test_too_many_voices_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 6 voices to match, found 7"):
        permuted_errors(["a"] * 7, ["a"] * 7)


def test_a_rate_counts_words_not_cases_and_lies_in_its_interval() -> None:
    cases = [Errors(10, 1, 0, 0), Errors(90, 0, 0, 9)]
    found = rate(cases)
    assert found.value == pytest.approx(10.0)
    assert found.low <= found.value <= found.high
    assert rate(cases, lambda its: its.put_in).value == pytest.approx(9.0)


def test_an_interval_shrinks_as_cases_grow_many() -> None:
    rng = np.random.default_rng(0)
    cases = [Errors(10, int(rng.random() < 0.5), 0, 0) for _ in range(400)]
    few, many = rate(cases[:20]), rate(cases)
    assert many.high - many.low < (few.high - few.low) / 2


def test_words_of_an_absent_voice_are_counted_by_the_minute() -> None:
    assert a_minute([Errors(0, 0, 0, 2), Errors(0, 0, 0, 0)], [30.0, 30.0]).value == 2.0


def test_a_rate_of_no_words_is_refused() -> None:
    with pytest.raises(ValueError, match="wanted cases with words, found none"):
        rate([Errors(0, 0, 0, 1)])
