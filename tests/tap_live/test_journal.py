"""A journal measures what was shown when, and forgets the rest."""

import pytest

from tap_live.events import Caption, Hello, StageStats, Stats, Warned, Word
from tap_live.journal import MOST_INCIDENTS, Journal


def words(text: str, start: float = 0.0) -> tuple[Word, ...]:
    """Words of 0.3 s, one every 0.5 s."""
    return tuple(
        Word(f" {word}", start + 0.5 * index, start + 0.5 * index + 0.3, 0.9)
        for index, word in enumerate(text.split())
    )


def caption(
    id: int,
    state: str,
    said: tuple[Word, ...],
    at: float,
    speaker: str | None = None,
    late: bool = False,
) -> Caption:
    return Caption(
        id=id,
        revision=0,
        state="final" if state == "final" else "partial",
        start=said[0].start if said else 0.0,
        end=said[-1].end if said else 0.0,
        words=said,
        at=at,
        speaker=speaker,
        late=late,
    )


def test_a_word_counts_as_shown_from_the_partial_since_which_it_has_stayed() -> None:
    journal = Journal.of(
        [
            caption(0, "partial", words("we meat"), at=1.2),
            caption(0, "partial", words("we meet on"), at=1.9),
            caption(0, "partial", words("We meet, upon"), at=2.6),
            caption(0, "final", words("We meet upon"), at=3.3),
        ]
    )
    assert [word.shown for word in journal.words] == [1.2, 1.9, 2.6]
    assert [word.final for word in journal.words] == [3.3, 3.3, 3.3]
    assert journal.words[0].partial_delay == pytest.approx(1.2 - 0.3)
    assert journal.words[1].final_delay == pytest.approx(3.3 - 0.8)


def test_words_left_over_by_a_final_keep_the_time_they_were_first_shown() -> None:
    said = words("one two three")
    journal = Journal.of(
        [
            caption(0, "partial", said, at=1.5),
            caption(0, "final", said[:2], at=2.0),
            caption(1, "partial", said[2:], at=2.0),
            caption(1, "final", said[2:], at=2.7),
        ]
    )
    assert [word.shown for word in journal.words] == [1.5, 1.5, 1.5]


def test_a_word_that_was_taken_back_counts_from_its_return() -> None:
    journal = Journal.of(
        [
            caption(0, "partial", words("yes"), at=1.0),
            caption(0, "partial", (), at=1.5),
            caption(0, "partial", words("yes"), at=2.0),
            caption(0, "final", words("yes"), at=2.5),
        ]
    )
    assert journal.words[0].shown == 2.0


def test_the_same_word_said_twice_is_matched_with_itself() -> None:
    said = words("no no")
    journal = Journal.of(
        [
            caption(0, "partial", said[:1], at=0.6),
            caption(0, "partial", said, at=1.1),
            caption(0, "final", said, at=1.8),
        ]
    )
    assert [word.shown for word in journal.words] == [0.6, 1.1]


def test_a_final_without_partials_is_shown_when_it_is_final() -> None:
    journal = Journal.of([caption(0, "final", words("hello"), at=1.0)])
    assert journal.words[0].shown == journal.words[0].final == 1.0


def test_a_speaker_who_is_known_late_keeps_the_words_shown_before() -> None:
    journal = Journal.of(
        [
            caption(0, "partial", words("hello"), at=0.7),
            caption(0, "final", words("hello"), at=1.4, speaker="ana"),
        ]
    )
    assert journal.words[0].shown == 0.7


def test_two_speakers_do_not_take_back_each_others_words() -> None:
    journal = Journal.of(
        [
            caption(0, "partial", words("yes"), at=0.7, speaker="ana"),
            caption(1, "partial", words("yes"), at=0.9, speaker="ben"),
            caption(0, "final", words("yes"), at=1.4, speaker="ana"),
            caption(1, "final", words("yes"), at=1.6, speaker="ben"),
        ]
    )
    assert [word.shown for word in journal.words] == [0.7, 0.9]


def test_delays_are_medians_over_words_that_were_not_late() -> None:
    journal = Journal.of(
        [
            caption(0, "final", words("one"), at=1.3),
            caption(1, "final", words("two"), at=2.3),
            caption(2, "final", words("three"), at=4.3),
            caption(3, "final", words("late"), at=90.0, late=True),
        ]
    )
    _, final = journal.delays()
    assert final is not None
    assert (final.median, final.p90, final.worst) == pytest.approx((2.0, 3.6, 4.0))


def test_nothing_said_has_no_delays_and_no_lines() -> None:
    assert Journal().delays() == (None, None)
    assert Journal().lines() == []


def test_lines_end_with_the_sentence_a_pause_or_the_speaker() -> None:
    journal = Journal.of(
        [
            caption(0, "final", words("I did. Twelve", start=0.0), at=2.0),
            caption(1, "final", words("thousand", start=1.5), at=3.0),
            caption(2, "final", words("euros", start=5.0), at=6.0),
            caption(3, "final", words("really", start=5.5), at=7.0, speaker="ben"),
        ]
    )
    assert [(line.speaker, line.text) for line in journal.lines()] == [
        (None, "I did."),
        (None, "Twelve thousand"),
        (None, "euros"),
        ("ben", "really"),
    ]


def test_late_finals_find_their_place_among_the_lines() -> None:
    journal = Journal.of(
        [
            caption(0, "final", words("first."), at=2.0),
            caption(1, "final", words("third.", start=20.0), at=22.0),
            caption(2, "final", words("second.", start=9.0), at=40.0, late=True),
        ]
    )
    assert [line.text for line in journal.lines()] == ["first.", "second.", "third."]


def test_stats_keep_the_largest_backlog_and_the_last_losses() -> None:
    stages = {"captions": StageStats(delay=0.7, time=0.2, share=0.4)}
    journal = Journal.of(
        [
            Hello(version="1", rate=48_000, bundles=(), capabilities=(), role="viewer"),
            Stats(stages=stages, backlog=3.0, lost=0, overload=0.0),
            Stats(stages=stages, backlog=1.0, lost=7, overload=0.5),
        ]
    )
    assert (journal.backlog, journal.lost, journal.overload) == (3.0, 7, 0.5)
    assert len(journal.stages["captions"]) == 2
    assert journal.hello is not None


def test_incidents_beyond_a_number_are_only_counted() -> None:
    journal = Journal.of([Warned(code="x", text="y")] * (MOST_INCIDENTS + 3))
    assert (len(journal.incidents), journal.unlisted) == (MOST_INCIDENTS, 3)
