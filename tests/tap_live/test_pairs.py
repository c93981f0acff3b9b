import json

import numpy as np
import pytest
import soundfile

from tap_live.errors import StorageError
from tap_live.pairs import add_pair, plan_pair

NOISE = 0.1 * np.random.default_rng(0).standard_normal(8000)


def made(folder, name, note="only voice:ana", key=""):
    pair = plan_pair(folder, name, note, key)
    for file, gain in ((pair.before, 1.0), (pair.after, 0.1)):
        soundfile.write(folder / file, gain * NOISE, 16_000)
    return add_pair(folder, pair)


def test_a_page_plays_and_shows_each_pair_of_a_folder(tmp_path):
    folder = tmp_path / "new" / "pairs"
    made(folder, "one")
    page = made(folder, "two <b>", "only voice:ana & bob").read_text()
    assert "2 pairs." in page
    assert page.count("<audio") == 4 and page.count("data:image/png") == 4
    assert "two &lt;b&gt;" in page and "voice:ana &amp; bob · 0:00" in page
    assert page.count('"label">before<') == page.count('"label">after<') == 2
    assert "mixture" not in page and page.count("<div class='ticks'") == 2
    assert "./two%20%3Cb%3E-after.flac" in page


def test_a_pair_made_again_takes_the_place_of_the_old(tmp_path):
    made(tmp_path, "one")
    made(tmp_path, "two")
    page = made(tmp_path, "one", "without voice:ana").read_text()
    assert [row["title"] for row in json.loads((tmp_path / "pairs.json").read_text())] == [
        "two",
        "one",
    ]
    assert "without voice:ana" in page and page.count("<section") == 2


def test_a_pair_of_another_kind_gets_a_name_of_its_own(tmp_path):
    for key in ("ana", "bob", "ana", "eve"):
        page = made(tmp_path, "talk", f"only {key}", key).read_text()
    rows = json.loads((tmp_path / "pairs.json").read_text())
    assert [(row["title"], row["key"]) for row in rows] == [
        ("talk-2", "bob"),
        ("talk", "ana"),
        ("talk-3", "eve"),
    ]
    assert page.count("<section") == 3 and (tmp_path / "talk-2-after.flac").is_file()


def test_a_list_that_is_broken_is_named(tmp_path):
    (tmp_path / "pairs.json").write_text("{")
    with pytest.raises(StorageError, match=r"pairs.json is no list of pairs"):
        made(tmp_path, "one")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot make the folder"):
        plan_pair(tmp_path / "file" / "pairs", "one", "")
