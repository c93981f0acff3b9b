import pytest

pytest.importorskip("whisper_normalizer")

from tap_live.events import Word
from tap_live.export.voices_eval import Turn
from tap_live.export.voices_path import NEAR_S, Read, _compared, _within, summary


def words(text: str) -> list[Word]:
    return [Word(f" {word}", at, at + 1.0, 0.9) for at, word in enumerate(text.split())]


def turn(start: float, seconds: float) -> Turn:
    return Turn("ana", "clip.wav", start, seconds, "enrolment.wav")


def test_words_are_kept_though_they_are_spelled_otherwise_and_lost_if_they_are_not_there() -> None:
    wanted = words("the quick brown fox jumps")
    assert _compared(wanted, words("The quick, brown fox jumps!")) == (5, 5)
    assert _compared(wanted, words("the quick brawn fox jumps")) == (4, 5)
    assert _compared(wanted, words("the quick jumps")) == (3, 3)
    assert _compared(wanted, words("well the quick brown fox jumps over")) == (5, 5)
    assert _compared(wanted, []) == (0, 0)


def test_a_word_belongs_to_the_turn_that_its_middle_is_near() -> None:
    turns = [turn(2.0, 1.0), turn(8.0, 1.0)]
    edge = 3.0 + NEAR_S
    assert _within(Word(" in", edge - 0.6, edge + 0.4, 0.9), turns)
    assert not _within(Word(" out", edge - 0.4, edge + 0.6, 0.9), turns)
    assert _within(Word(" later", 8.0, 8.4, 0.9), turns)


def test_shares_are_of_all_words_together_with_an_interval_over_dialogues() -> None:
    reads = [
        Read("d00", alone=10, kept=10, same=8, leaked=0, named=20, misnamed=1, final=[1.0, 2.0]),
        Read("d01", alone=30, kept=20, same=12, leaked=2, named=20, misnamed=0, final=[1.5]),
    ]
    found = summary(reads)
    assert found["target's words kept, the other hidden"].startswith("75.0 % (66.7 to 100.0) of 40")
    assert found["other's words let through"].startswith("5.0 % (0.0 to 6.7) of 40")
    assert found["words under the wrong name, both enrolled"].startswith("2.5 %")
    assert found["a word is final after"] == "1.50 s of 3 words"
    assert found["a word is shown after, both enrolled, median"] == "no words"
