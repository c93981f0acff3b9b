import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_live.captions.cues import (
    CLAUSE_ENDS,
    LONGEST_S,
    SHORTEST_S,
    Cue,
    Cues,
    fits_a_screen,
    wrapped,
)
from tap_live.events import Caption, Word


def final(text, start=0.0, each=0.3, speaker=None):
    words = tuple(
        Word(f" {word}", start + n * each, start + (n + 1) * each, 1.0)
        for n, word in enumerate(text.split())
    )
    return Caption(
        id=0, revision=0, state="final", start=start, end=words[-1].end, words=words,
        speaker=speaker,
    )  # fmt: skip


def said(*words):
    start, end = words[0].start, words[-1].end
    return Caption(id=0, revision=0, state="final", start=start, end=end, words=words)


def collect(*captions):
    cues = Cues(fits_a_screen)
    complete = [cue for caption in captions for cue in cues.push(caption)]
    return [cue.text for cue in [*complete, cues.open]]


def test_finals_that_follow_each_other_become_one_cue():
    assert collect(final("so we went"), final("to the sea", 0.9)) == ["so we went to the sea"]


def test_a_sentence_ends_a_cue():
    assert collect(final("I saw it. Then it went")) == ["I saw it.", "Then it went"]


def test_another_speaker_begins_a_cue():
    assert collect(final("yes", speaker="ana"), final("no", 0.3)) == ["yes", "no"]


def test_a_pause_ends_a_cue():
    assert collect(final("yes"), final("we can", 1.2)) == ["yes we can"]
    assert collect(final("yes"), final("we can", 1.4)) == ["yes", "we can"]


def test_late_captions_of_an_earlier_time_do_not_join():
    assert collect(final("late", 9.0), final("early", 2.0)) == ["late", "early"]


def test_a_word_without_a_space_stays_with_the_one_before():
    caption = Caption(
        id=0, revision=0, state="final", start=0, end=1,
        words=(Word(" go.", 0, 0.5, 1.0), Word("com", 0.5, 1, 1.0)),
    )  # fmt: skip
    assert collect(caption) == ["go.com"]


@pytest.mark.parametrize("speaker", [None, "somebody with quite a long name"])
def test_long_speech_is_split_so_that_every_cue_can_be_read(speaker):
    cues = Cues(fits_a_screen)
    complete = cues.push(final("word " * 400, speaker=speaker))
    name = f"{speaker}: " if speaker else ""
    for cue in complete:
        assert len(wrapped(name + cue.text)) <= 2
        assert cue.end - cue.start <= LONGEST_S
    assert sum(len(cue.words) for cue in complete) + len(cues.open.words) == 400


def test_slow_speech_is_split_by_time():
    texts = collect(final("one two three four five six seven eight nine ten", each=1.0))
    assert texts == ["one two three four five six seven", "eight nine ten"]


def test_a_cue_lasts_longer_than_nothing():
    cues = Cues(fits_a_screen)
    cues.push(final("now", each=0.0))
    assert cues.open.end > cues.open.start


def test_a_title_ends_no_sentence_and_a_quotation_mark_hides_no_end():
    assert collect(final("Ask Dr. Ruiz. Now")) == ["Ask Dr. Ruiz.", "Now"]
    assert collect(final("We sold two TVs. Now")) == ["We sold two TVs.", "Now"]
    assert collect(final("“I saw it.” Then it went")) == ["“I saw it.”", "Then it went"]


def test_a_cue_that_gets_too_long_ends_at_its_last_clause():
    text = "Sure, I'll send them to you and Martin tonight, so you can read them on the train."
    assert collect(final(text, each=0.25)) == [
        "Sure, I'll send them to you and Martin tonight,",
        "so you can read them on the train.",
    ]


def test_no_cue_flashes_by_for_the_sake_of_a_clause():
    text = "Well, " + "so many words " * 7
    assert collect(final(text, each=0.25))[0].startswith("Well, so many words so many")


def test_without_a_clause_a_cue_ends_at_its_longest_pause():
    early = final("one two three four five").words + final("six seven eight", 1.8).words
    words = [
        Word(f"{word.text}-and-a-bit", word.start, word.end, 1.0)
        for word in (*early, *final("nine ten eleven twelve", 2.95).words)
    ]
    first, *_ = collect(said(*words))
    assert first.endswith(" five-and-a-bit")


SPOKEN = st.lists(
    st.tuples(
        st.text("abcdefg", min_size=1, max_size=12),
        st.sampled_from(["", "", "", "", ",", ";", "."]),
        st.booleans() | st.just(True),  # whether a space stands before it
        st.floats(0, 1.5),  # seconds from the word before
        st.floats(0.05, 1.0),  # it lasts
    ),
    min_size=1,
    max_size=80,
)


def as_words(spoken):
    words, now = [], 0.0
    for text, mark, apart, gap, length in spoken:
        words.append(Word(" " * apart + text + mark, now + gap, now + gap + length, 0.9))
        now += gap + length
    return words


@given(SPOKEN, st.integers(1, 80))
def test_however_finals_come_cues_hold_every_word_once_in_order_and_within_limits(spoken, size):
    words, cues = as_words(spoken), Cues(fits_a_screen)
    complete = []
    for start in range(0, len(words), size):
        complete += cues.push(said(*words[start : start + size]))
    complete.append(cues.open)
    assert [word for cue in complete for word in cue.words] == words
    assert all(fits_a_screen(cue) or len(cue.words) == 1 for cue in complete)
    whole = Cues(fits_a_screen)
    assert [*whole.push(said(*words)), whole.open] == complete


@given(SPOKEN)
def test_no_cue_ends_in_a_phrase_when_a_clause_ends_within_the_limits(spoken):
    words = as_words([(text, mark, True, gap % 0.9, long) for text, mark, _, gap, long in spoken])
    cues = Cues(fits_a_screen)
    for word in words:
        before = cues.open
        for cue in cues.push(said(word)):
            for at in range(1, len(before.words)):
                head, rest = Cue(before.words[:at]), Cue((*before.words[at:], word))
                if head.end - head.start >= SHORTEST_S and fits_a_screen(rest):
                    assert cue.text.endswith(CLAUSE_ENDS) or not head.text.endswith(CLAUSE_ENDS)
