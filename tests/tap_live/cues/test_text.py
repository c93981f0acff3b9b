"""Words as cues: near what they mean, and refused by name where they mean nothing."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from tap_live.bundle import FORMAT, Manifest, file_spec, read_manifest, write_manifest
from tap_live.cues.text import BUNDLE, LONGEST, TextCues, words_of
from tap_live.errors import BundleError, CueError

PIECES = ["a", "dog", "bark", "##ing", "temple", "##bell", "z", "##x", "##q", "##v", "9"]


def write_bundle(folder: Path, rows: int = len(PIECES)) -> Path:
    rng = np.random.default_rng(0)
    steps = rng.integers(-127, 128, (rows, 8)).astype(np.int8)
    np.savez(folder / "table.npz", steps=steps, scales=np.full(rows, 0.01, np.float16))
    (folder / "pieces.txt").write_text("\n".join(PIECES) + "\n")
    rows = np.eye(8, dtype=np.float16)
    np.savez(
        folder / "likes.npz", steps=np.eye(8, dtype=np.int8)[:3], scales=np.ones(3, np.float16),
        kinds=np.array([0, 1, 1], np.int16), clips=np.stack([0 * rows[2], rows[3]]),
    )  # fmt: skip
    (folder / "sayings.txt").write_text("a dog\na bell\n")
    names = ("table.npz", "pieces.txt", "likes.npz", "sayings.txt")
    files = {name: file_spec(folder / name) for name in names}
    manifest = Manifest(
        format=FORMAT,
        name="text-cue",
        kind="text-cue",
        licence="CC0",
        made_by="a test",
        sources=(),
        files=files,
    )
    write_manifest(folder, manifest)
    return folder


@pytest.fixture
def cues(tmp_path):
    return TextCues.open(write_bundle(tmp_path))


@pytest.fixture(scope="module")
def shipped():
    return TextCues.open()


def test_a_cue_is_a_unit_vector(cues):
    cue = cues.embed("a dog barking")
    assert cue.dtype == np.float32 and cue.shape == (8,)
    assert np.linalg.norm(cue) == pytest.approx(1.0, abs=1e-6)


def test_words_are_moved_half_of_the_way_to_the_clips_of_the_kinds_they_lie_near():
    pieces, vectors = ["rain", "wind"], np.eye(4, dtype=np.float32)[:2]
    clips = np.array([[0, 0, 1, 0], [0, 0, 0, 0]], np.float32)  # no clips of wind
    kinds = np.array([0, 1], np.int16)
    cues = TextCues(pieces, vectors, sayings=vectors, kinds=kinds, clips=clips, said=pieces)
    np.testing.assert_allclose(cues.embed("rain"), np.array([1, 0, 1, 0]) / np.sqrt(2), atol=1e-6)
    np.testing.assert_allclose(cues.embed("wind"), vectors[1], atol=1e-6)
    between = np.array([1, 1, 0.5 * np.sqrt(2), 0])  # as near to both: half of each kind's clips
    np.testing.assert_allclose(
        cues.embed("wind rain"), between / np.linalg.norm(between), atol=1e-6
    )


def test_a_clip_is_moved_as_words_are(cues):
    like_a_dog = np.eye(8, dtype=np.float32)[0]
    np.testing.assert_allclose(cues.moved(like_a_dog), like_a_dog, atol=1e-6)  # no clips of dogs
    like_a_bell = 0.6 * np.eye(8, dtype=np.float32)[1] + 0.8 * np.eye(8, dtype=np.float32)[5]
    expected = (like_a_bell + np.eye(8)[3]) / np.sqrt(2)
    np.testing.assert_allclose(cues.moved(like_a_bell), expected, atol=1e-3)


def test_words_that_tell_no_sound_from_another_are_left_out(cues):
    np.testing.assert_array_equal(cues.embed("a dog"), cues.embed("dog"))
    assert np.isfinite(cues.embed("a")).all()  # unless there are no others


def test_a_word_may_be_two_that_are_known(cues):
    joined, apart = cues.embed("dogbark"), cues.embed("dog bark")
    np.testing.assert_allclose(joined, apart, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("a dog barking", ""),
        ("the dog next door", ""),
        ("microwave", "far from every sound that is known, taken for 'dishes and "),
        (
            "I would like to hear the dog next door barking while the train goes by",
            "a sentence of 15 words, taken for ",
        ),
    ],
)
def test_it_is_told_what_words_were_taken_for_where_that_is_not_plain(shipped, text, remark):
    found = shipped.understand(text)
    assert found.remark.startswith(remark) and bool(found.remark) == bool(remark)


def test_every_saying_is_taken_for_itself(shipped):
    said = (BUNDLE / "sayings.txt").read_text().splitlines()
    assert len(said) > 150
    found = [shipped.understand(saying) for saying in said]
    assert min(one.likeness for one in found) > 0.99
    assert [one.saying for one in found] == said


def test_order_case_and_punctuation_make_no_difference(cues):
    expected = cues.embed("a dog barking")
    np.testing.assert_allclose(cues.embed("Barking: a DOG!"), expected, atol=1e-6)


def test_a_word_is_put_together_from_long_pieces(cues):
    assert np.isfinite(cues.embed("templebell")).all()


@pytest.mark.parametrize("text", ["zxqv", "a zxqv dog", "собака", "a dog 犬"])
def test_what_is_not_known_is_named(cues, text):
    with pytest.raises(CueError, match=r"unknown in .*; use plain English words"):
        cues.embed(text)


def test_lists_may_have_words_that_nobody_knows(cues):
    assert cues.embed("dog zxqv", any_word=True) @ cues.embed("dog") < 0.99  # it counts
    for word, any_word in (("zxqv", False), ("犬", True)):  # of which there are no pieces
        with pytest.raises(CueError, match="unknown in"):
            cues.embed(f"dog {word}", any_word=any_word)


def test_every_unknown_word_is_named_once(cues):
    with pytest.raises(CueError, match=r"unknown in 'zxqv zxqv qqq': 'zxqv', 'qqq';"):
        cues.embed("zxqv zxqv qqq")


@pytest.mark.parametrize("text", ["", "   ", "?!"])
def test_no_words_are_no_cue(cues, text):
    with pytest.raises(CueError, match="no words in"):
        cues.embed(text)


def test_a_novel_is_no_cue(cues):
    with pytest.raises(CueError, match="at most 50 words, found 51"):
        cues.embed("dog " * (LONGEST + 1))


def test_words_lose_their_accents():
    assert words_of("Café_9's 12") == ["cafe", "9", "s", "1", "2"]


def test_a_table_of_another_length_is_refused(tmp_path):
    with pytest.raises(BundleError, match="11 word pieces and 7 vectors"):
        TextCues.open(write_bundle(tmp_path, rows=7))


@pytest.mark.parametrize(
    "kinds", [np.array([0, 1, 2], np.int16), np.array([0, 1, -1]), np.array([0, 1]), np.zeros(3)]
)
def test_sayings_of_kinds_that_there_are_not_are_refused(tmp_path, kinds):
    folder = write_bundle(tmp_path)
    with np.load(folder / "likes.npz") as stored:
        parts = {name: stored[name] for name in stored}
    np.savez(folder / "likes.npz", **parts | {"kinds": kinds})
    manifest = read_manifest(folder)
    files = manifest.files | {"likes.npz": file_spec(folder / "likes.npz")}
    write_manifest(folder, msgspec.structs.replace(manifest, files=files))
    with pytest.raises(BundleError, match="sayings of other kinds of sound"):
        TextCues.open(folder)


@pytest.mark.parametrize(
    ("asked", "meant", "other"),
    [
        ("the dog next door is barking again", "a dog barking", "a cat meowing"),
        ("typing on a laptop", "typing on a computer keyboard", "a phone ringing"),
        ("an infant crying", "a baby crying", "a person laughing"),
        ("water pouring into a glass", "running water", "a fire crackling"),
        ("music from a piano", "a piano", "a chainsaw"),
        ("applause", "hands clapping", "a door slamming shut"),
    ],
)
def test_shipped_cues_lie_near_what_they_mean(shipped, asked, meant, other):
    cue = shipped.embed(asked)
    assert cue @ shipped.embed(meant) > cue @ shipped.embed(other) + 0.2


def test_the_shipped_table_refuses_what_is_no_word(shipped):
    for text in ("zxqv", "the sound of zxqv", "qwrtz", "asdfgh", "собака", "犬が吠える"):
        with pytest.raises(CueError, match="unknown in"):
            shipped.embed(text)
