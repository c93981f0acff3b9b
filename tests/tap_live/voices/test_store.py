import os
import stat

import msgspec
import numpy as np
import pytest

from tap_live.errors import ConfigError, StorageError, VoiceError
from tap_live.voices.store import ClipFigures, Voice, VoiceStore, check_name


def voice_of(name, seed=0, speech=10.0):
    rng = np.random.default_rng(seed)
    embedding = np.abs(rng.standard_normal(256))
    clip = ClipFigures("2026-01-31", "a.wav", 12.0, speech, -25.0, 30.0, 0.0, 0.8)
    return Voice(
        name=name,
        embedding=tuple((embedding / np.linalg.norm(embedding)).tolist()),
        state=tuple(rng.standard_normal(256).tolist()),
        clips=(clip,),
    )


@pytest.fixture
def store(tmp_path):
    return VoiceStore(tmp_path / "data" / "voices")


def test_a_voice_comes_back_as_it_was_kept(store):
    store.save(voice_of("ana"))
    assert store.names() == ["ana"]
    assert store.load("ana") == voice_of("ana")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_only_its_user_can_read_a_voice(store, tmp_path):
    path = store.save(voice_of("ana"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    store.export("ana", tmp_path / "copy.json")
    assert stat.S_IMODE((tmp_path / "copy.json").stat().st_mode) == 0o600


def test_a_second_clip_counts_by_its_seconds_of_speech(store):
    first, second = voice_of("ana", 1, speech=30.0), voice_of("ana", 2, speech=10.0)
    store.add(first)
    both = store.add(second)
    np.testing.assert_allclose(
        both.state, 0.75 * np.array(first.state) + 0.25 * np.array(second.state), rtol=1e-5
    )
    assert np.linalg.norm(both.embedding) == pytest.approx(1, abs=1e-5)
    assert len(both.clips) == 2 and both.speech == 40.0
    assert store.load("ana") == both


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../ana", "a/b", "a\\b", "/etc/passwd", ".ana", "ana.", "-ana", "a\0b", "a\nb",
     "other", "Other", "nul", "COM1", "x" * 41, "ana@home", "a:b"],
)  # fmt: skip
def test_a_name_that_could_be_a_path_or_mean_something_else_is_refused(store, name):
    with pytest.raises(ConfigError, match="a voice cannot be called"):
        store.save(voice_of(name))
    assert not store.folder.exists()


@pytest.mark.parametrize(
    "name", ["ana", "Ana Lúcia", "李雷", "O'Neil", "x", "speaker_2", "J.-P. V"]
)
def test_names_that_people_have_are_taken(name):
    assert check_name(name) == name


def test_an_unknown_voice_is_answered_with_those_there_are(store):
    with pytest.raises(VoiceError, match="no voice 'bob' is enrolled, nobody is yet"):
        store.load("bob")
    store.save(voice_of("ana"))
    with pytest.raises(VoiceError, match="only ana: `tap-live enrol NAME`"):
        store.delete("bob")


@pytest.mark.parametrize("content", [b"", b"{", b"\x80\x04pickle", b'{"name": "ana"}'])
def test_a_broken_file_is_told_with_what_to_do(store, content):
    store.save(voice_of("ana")).write_bytes(content)
    with pytest.raises(StorageError, match="tap-live voices delete 'ana'` and enrol it again"):
        store.load("ana")
    store.delete("ana")
    assert store.names() == []


@pytest.mark.parametrize("state", [(0.0,) * 255, (float("inf"),) * 256])
def test_numbers_that_are_none_are_a_broken_file(store, state):
    path = store.save(voice_of("ana"))
    voice = msgspec.structs.replace(voice_of("ana"), state=state)
    path.write_bytes(msgspec.json.encode(voice))
    with pytest.raises(StorageError, match="ana"):
        store.load("ana")


def test_names_are_in_the_order_of_letters_large_or_small(store):
    for number, name in enumerate(["Zoe", "ben", "Ana"]):
        store.save(voice_of(name, number))
    assert store.names() == ["Ana", "ben", "Zoe"]


def test_renaming_keeps_the_voice_and_overwrites_nobody(store):
    store.save(voice_of("ana"))
    store.save(voice_of("bob", 1))
    with pytest.raises(VoiceError, match="there is a voice 'bob' already"):
        store.rename("ana", "bob")
    store.rename("ana", "Anna")
    assert store.names() == ["Anna", "bob"]
    assert store.load("Anna").state == voice_of("ana").state
    assert store.load("Anna").name == "Anna"


def test_a_write_that_fails_leaves_the_old_voice_and_no_rest(store, monkeypatch):
    store.save(voice_of("ana"))

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device; nothing was changed"):
        store.save(voice_of("ana", 1))
    assert store.load("ana") == voice_of("ana")
    assert len(list(store.folder.iterdir())) == 1
