"""Ids of several captioners in one row: a caption keeps its own until it is final."""

from tap_live.captions.numbering import Numbering
from tap_live.events import Caption


def said(id, state="partial"):
    return Caption(id=id, revision=0, state=state, start=0.0, end=1.0, words=())


def ids(numbering, *told):
    return [numbering.of(captioner, caption).id for captioner, caption in told]


def test_captions_that_take_turns_keep_their_ids():
    numbering = Numbering(7)
    assert ids(numbering, (0, said(0)), (1, said(0)), (0, said(0)), (1, said(0))) == [7, 8, 7, 8]
    assert ids(numbering, (0, said(0, "final")), (1, said(0, "final"))) == [7, 8]


def test_what_follows_a_final_has_another_id():
    numbering = Numbering()
    assert ids(numbering, (0, said(3)), (0, said(3, "final")), (0, said(4)), (0, said(3))) == [
        0, 0, 1, 2,
    ]  # fmt: skip


def test_ids_of_captioners_that_number_several_themselves():
    inner, outer = Numbering(), Numbering()
    told = [(0, said(0)), (1, said(0)), (0, said(0)), (1, said(0, "final")), (0, said(0, "final"))]
    captions = [outer.of(0, inner.of(*one)) for one in told]
    assert [caption.id for caption in captions] == [0, 1, 0, 1, 0]
    assert [caption.state for caption in captions[3:]] == ["final", "final"]
