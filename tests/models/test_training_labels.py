"""Kinds of sound: every label in one place, and what a caption says against its label."""

import json
from pathlib import Path

import pytest

from tap_live.models.training.captions import caption_bank, others
from tap_live.models.training.labels import Kinds


@pytest.fixture(scope="module")
def kinds() -> Kinds:
    return Kinds.open()


def test_labels_that_mean_the_same_are_one_kind(kinds: Kinds) -> None:
    assert kinds.find("water") is kinds.find("running water") is kinds.find("water running")
    assert kinds.find("dog bark") is not kinds.find("water")


def test_a_caption_that_contradicts_its_label_wins(kinds: Kinds) -> None:
    assert kinds.find("rain", "the sound of rain") is kinds["rain"]
    assert kinds.find("rain", "the sound of subway train b line") is kinds["train"]
    assert kinds.find("water", "the sound of boing water") is None


def test_a_label_that_means_nothing_has_no_kind(kinds: Kinds) -> None:
    assert kinds.find("enotherapy") is None


def test_a_kind_clashes_with_what_it_holds_and_nothing_else(kinds: Kinds) -> None:
    assert kinds["music"].clashes(kinds["drum kit"]) and kinds["drum kit"].clashes(kinds["music"])
    assert kinds["scream"].clashes(kinds["male scream"])
    assert not kinds["male scream"].clashes(kinds["female scream"])
    assert not kinds["drum kit"].clashes(kinds["piano"])


def test_a_table_that_names_a_label_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a | a sound | x, y\nb | another | y\n")
    with pytest.raises(ValueError, match=r"each label once in .*found \['y'\] again"):
        Kinds.open(tmp_path / "t.txt")


def test_a_correction_to_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a | a sound | x\nx > loud > c\n")
    with pytest.raises(ValueError, match=r"kinds that the table lacks: \['c'\]"):
        Kinds.open(tmp_path / "t.txt")


def test_the_bank_has_thousands_of_captions_none_of_them_twice(kinds: Kinds) -> None:
    bank = caption_bank(kinds)
    assert len(bank) == len(set(bank)) > 5000
    assert "a dog barking" in bank and "a lawn mower in the distance" in bank
    assert all(other.strip() == other != "" for other in others())


def test_the_table_names_labels_that_there_are(kinds: Kinds, shared: Path) -> None:
    rows = (shared / "data" / "sounds" / "manifest.jsonl").read_text().splitlines()
    labels = {json.loads(row)["label"] for row in rows}
    assert {label for kind in kinds.kinds for label in kind.labels} <= labels
    known = [json.loads(row) for row in rows]
    found = [kinds.find(row["label"], row["caption"]) for row in known]
    assert sum(kind is None for kind in found) / len(found) < 0.03
