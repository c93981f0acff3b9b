"""Reading corpora: three layouts, one decoded store, enrolments that never overlap speech."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from tap_live.models.training.corpus import Corpus, training_noises, training_voices
from tap_live.models.training.data import Clip, read_clips
from tap_live.models.training.store import AudioStore
from tap_live.models.training.voices import GUISES, VARIANTS, cut_pieces

RATE = 16_000


def tone(seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)


def test_a_manifest_names_voices_sounds_and_splits(corpus_folder: Path) -> None:
    voices = read_clips(corpus_folder / "speech")
    assert {clip.name for clip in voices} == {f"v{i}" for i in range(10)}
    assert {clip.name for clip in voices if clip.split == "dev"} == {"v9"}
    assert {clip.name for clip in read_clips(corpus_folder / "sounds")} == {"rain", "singing"}


def test_librispeech_folders_name_their_speakers(tmp_path: Path) -> None:
    for subset, speaker in (("train-clean-100", "19"), ("dev-clean", "84")):
        folder = tmp_path / subset / speaker / "198"
        folder.mkdir(parents=True)
        sf.write(folder / f"{speaker}-198-0001.flac", tone(1.5), RATE)
    clips = read_clips(tmp_path)
    assert {(clip.name, clip.split, clip.seconds) for clip in clips} == {
        ("ls19", "train", 1.5),
        ("ls84", "dev", 1.5),
    }


def test_librimix_sources_name_their_speakers(tmp_path: Path) -> None:
    for source in ("s1", "s2", "mix_clean"):
        folder = tmp_path / "train-100" / source
        folder.mkdir(parents=True)
        sf.write(folder / "19-198-0001_26-495-0002.wav", tone(1.0), RATE)
    assert sorted((clip.name, clip.split) for clip in read_clips(tmp_path)) == [
        ("ls19", "train"),
        ("ls26", "train"),
    ]


def test_a_folder_per_class_names_its_sounds(tmp_path: Path) -> None:
    for label in ("dog_barking", "rain"):
        (tmp_path / label).mkdir()
        sf.write(tmp_path / label / "1.wav", tone(1.0), RATE)
    assert {clip.name for clip in read_clips(tmp_path)} == {"dog barking", "rain"}


def test_an_empty_folder_is_told_what_was_wanted(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"wanted a manifest.jsonl.*found no audio"):
        read_clips(tmp_path)


def test_a_manifest_that_names_a_missing_file_says_which(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text('{"file": "gone.ogg", "seconds": 1.0}\n')
    with pytest.raises(FileNotFoundError, match=r"gone\.ogg is named in line 1"):
        read_clips(tmp_path)


def test_the_store_gives_back_what_was_decoded(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", tone(1.0), RATE, subtype="PCM_16")
    sf.write(tmp_path / "b.wav", np.stack([tone(1.0, 48_000)] * 2, axis=1), 48_000)
    clips = [Clip(tmp_path / name, name, 1.0, "train") for name in ("a.wav", "b.wav")]
    for _ in range(2):  # made, then found
        store = AudioStore.open(clips, RATE, tmp_path / "cache")
        assert [store.length(i) for i in range(len(store))] == [RATE, RATE]
        np.testing.assert_allclose(store.read(0, 100, 200), tone(1.0)[100:200], atol=1e-4)
        middle = slice(1000, 15_000)  # resampling rings at the ends
        np.testing.assert_allclose(store.read(1, 0, RATE)[middle], tone(1.0)[middle], atol=1e-3)
        assert len(store.read(1, RATE - 10, RATE + 10)) == 10


def test_only_the_train_split_is_trained_on(corpus_folder: Path, corpus: Corpus) -> None:
    chosen = training_voices(read_clips(corpus_folder / "speech"))
    assert {clip.split for clip in chosen} == {"train"}
    assert "v9" not in corpus.voices.speakers + corpus.held_out.speakers


def test_no_voice_gives_more_than_its_share(tmp_path: Path) -> None:
    clips = [Clip(tmp_path / f"{i}.ogg", "talker", 60.0, "train") for i in range(20)]
    assert sum(clip.seconds for clip in training_voices(clips)) == 480.0


def test_voices_are_no_noises(corpus_folder: Path) -> None:
    noises = training_noises(read_clips(corpus_folder / "sounds"))
    assert {clip.name for clip in noises} == {"rain"}


def test_held_out_voices_are_not_trained_on(corpus: Corpus) -> None:
    assert corpus.held_out.speakers
    assert not set(corpus.held_out.speakers) & set(corpus.voices.speakers)


@pytest.mark.parametrize("seconds", [[9.0], [12.5], [4.0, 3.0, 2.5], [30.0, 2.0]])
def test_speech_is_left_beside_every_enrolment_piece(seconds: list[float], tmp_path: Path) -> None:
    clips = []
    for number, length in enumerate(seconds):
        sf.write(tmp_path / f"{number}.wav", tone(length), RATE)
        clips.append(Clip(tmp_path / f"{number}.wav", "talker", length, "train"))
    store = AudioStore.open(clips, RATE, tmp_path)
    pieces = cut_pieces(store, range(len(clips)))
    assert pieces
    for piece in pieces:
        assert 2 * RATE <= piece.stop - piece.start <= 4 * RATE
        beside = max(piece.start, store.length(piece.clip) - piece.stop)
        others = sum(store.length(i) for i in range(len(clips)) if i != piece.clip)
        assert max(beside, others) >= 3 * RATE


def test_a_voice_that_is_too_short_has_no_pieces(tmp_path: Path) -> None:
    sf.write(tmp_path / "0.wav", tone(5.0), RATE)
    store = AudioStore.open([Clip(tmp_path / "0.wav", "talker", 5.0, "train")], RATE, tmp_path)
    assert cut_pieces(store, [0]) == []


def test_every_piece_has_a_unit_embedding_in_every_guise(corpus: Corpus) -> None:
    for cues in corpus.voices.cues:
        assert cues.shape[1:] == (len(GUISES), VARIANTS, 256)
        np.testing.assert_allclose(np.linalg.norm(cues, axis=-1), 1.0, atol=2e-3)


def test_a_voice_in_another_guise_has_another_embedding(corpus: Corpus) -> None:
    first, *others = corpus.voices.cues[0][0, :, 0]
    assert not any(np.allclose(first, other, atol=1e-3) for other in others)
