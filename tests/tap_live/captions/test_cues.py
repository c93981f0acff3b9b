import pytest

from tap_live.captions.cues import LONGEST_S, Cues, fits_a_screen, wrapped
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
