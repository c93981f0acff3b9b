import pytest

from tap_live.events import Caption, Word
from tap_live.seam import Seam


def words(*spoken):
    return [Word(f" {text}", start, end, 1.0) for text, start, end in spoken]


def caption(*spoken, id=0):
    said = tuple(words(*spoken))
    return Caption(
        id=id, revision=0, state="final", start=said[0].start, end=said[-1].end, words=said
    )


def missing(seam, *captions):
    return [
        (w.text.strip(), w.start, w.end) for c in seam.missing(captions) for w in c.words if c.late
    ]


BEFORE = words(("big", 16.5, 16.7), ("meeting", 16.7, 17.0), ("room.", 17.0, 17.3))
AFTER = words(("Can", 38.04, 38.3), ("you", 38.3, 38.5), ("bring", 38.5, 38.8))


def test_every_word_at_a_seam_is_said_once():
    """A word that the skip cut was said by nobody; one that both heard is timed differently."""
    late = caption(
        ("meeting", 16.8, 17.1),
        ("room", 17.1, 17.35),
        ("before", 17.35, 17.65),
        ("the", 17.7, 17.8),
        ("two.", 37.4, 37.9),
        ("Can", 38.14, 38.24),
        ("you", 38.3, 38.5),
    )
    found = missing(Seam([*BEFORE, *AFTER], 17.6, 38.2), late)
    assert [text for text, _, _ in found] == ["before", "the", "two."]


@pytest.mark.parametrize("shift", [-0.3, 0.0, 0.3])
def test_no_late_word_lasts_into_those_that_were_said_in_time(shift):
    late = caption(
        ("room", 17.0 + shift, 17.3 + shift),
        ("before", 17.3 + shift, 17.7 + shift),
        ("two", 37.6 + shift, 38.1 + shift),
        ("Can", 38.1 + shift, 38.3 + shift),
    )
    found = missing(Seam([*BEFORE, *AFTER], 17.6, 38.2), late)
    assert [text for text, _, _ in found] == ["before", "two"]
    assert all(17.3 <= start <= end <= 38.04 for _, start, end in found)


def test_a_word_that_was_heard_as_another_in_time_is_not_said_again():
    said = [*BEFORE, *words(("be", 17.3, 17.6)), *words(("and", 38.2, 38.4)), *AFTER[1:]]
    late = caption(
        ("room", 17.0, 17.3), ("before", 17.3, 17.7), ("March", 18.3, 18.8),
        ("Can", 38.15, 38.35), ("you", 38.35, 38.5),
    )  # fmt: skip
    assert missing(Seam(said, 17.6, 38.2), late) == [("March", 18.3, 18.8)]


def test_the_same_word_twice_in_a_row_is_kept_twice():
    said = words(("very", 16.9, 17.2))
    late = caption(("very", 17.0, 17.3), ("very", 17.7, 18.0), ("loud", 18.0, 18.3))
    assert missing(Seam(said, 17.6, 38.2), late) == [("very", 17.7, 18.0), ("loud", 18.0, 18.3)]


def test_where_nobody_spoke_in_time_a_word_belongs_to_the_part_that_it_reaches_into():
    late = caption(("over", 16.9, 17.6), ("cut", 17.5, 17.9), ("on", 38.1, 38.4), ("off", 38.2, 39))
    assert [text for text, _, _ in missing(Seam([], 17.6, 38.2), late)] == ["cut", "on"]


def test_captions_far_from_both_edges_can_be_passed_on_at_once():
    seam = Seam([*BEFORE, *AFTER], 17.6, 38.2)
    far = caption(("room", 25.0, 25.3), ("you", 25.3, 25.6))
    assert seam.far_from(far)
    assert [text for text, _, _ in missing(seam, far)] == ["room", "you"]
    assert not seam.far_from(caption(("room", 20.0, 20.3)))
    assert not seam.far_from(caption(("you", 36.0, 36.3)))
