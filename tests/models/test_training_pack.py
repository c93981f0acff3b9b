"""Packs: small, complete, and enough to train from."""

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from tap_live.models.speaker import SpeakerEncoder
from tap_live.models.training.commands import app
from tap_live.models.training.corpus import open_corpus
from tap_live.models.training.data import read_clips
from tap_live.models.training.pack import add_cues, folder_size, pack

MIB = 1 << 20


@pytest.fixture
def encoder(corpus_folder: Path) -> SpeakerEncoder:
    return SpeakerEncoder.open(corpus_folder / "speaker.safetensors")


def test_a_pack_stays_under_its_limit(
    corpus_folder: Path, encoder: SpeakerEncoder, tmp_path: Path
) -> None:
    limit = 5 * MIB
    size = pack(corpus_folder, tmp_path / "pack", encoder, limit)
    assert size == folder_size(tmp_path / "pack") <= limit


def test_a_pack_holds_what_may_be_trained_on_and_nothing_else(
    corpus_folder: Path, encoder: SpeakerEncoder, tmp_path: Path
) -> None:
    pack(corpus_folder, tmp_path / "pack", encoder, 20 * MIB)
    voices = read_clips(tmp_path / "pack" / "speech")
    assert {clip.name for clip in voices} == {f"v{i}" for i in range(9)}  # v9 is of the dev split
    assert len(voices) == 11
    assert {clip.name for clip in read_clips(tmp_path / "pack" / "sounds")} == {"rain"}


def test_every_voice_comes_in_before_any_comes_in_twice(
    corpus_folder: Path, encoder: SpeakerEncoder, tmp_path: Path
) -> None:
    pack(corpus_folder, tmp_path / "pack", encoder, int(3.25 * MIB))
    names = [clip.name for clip in read_clips(tmp_path / "pack" / "speech")]
    assert len(set(names)) == len(names) < 11


def test_a_pack_trains_without_anything_beside_it(
    corpus_folder: Path, encoder: SpeakerEncoder, tmp_path: Path
) -> None:
    pack(corpus_folder, tmp_path / "pack", encoder, 20 * MIB)
    add_cues(tmp_path / "pack", encoder)
    assert not list((tmp_path / "pack").rglob("*.i16"))  # decoded audio does not travel
    arguments = ["fit", str(tmp_path / "pack"), str(tmp_path / "run"), "--steps", "2"]
    arguments += ["--batch", "2", "--seconds", "0.5", "--band-width", "4", "--full-width", "8"]
    arguments += ["--blocks", "1", "--cache", str(tmp_path / "cache")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "run" / "best.pt").exists()
    assert not list((tmp_path / "cache").glob("cues-*"))  # those of the pack were taken
    result = CliRunner().invoke(app, ["curve", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    assert "<svg" in (tmp_path / "run" / "curve.svg").read_text()
    one = CliRunner().invoke(app, ["curve", str(tmp_path / "run"), "--only", "loss"])
    assert one.exit_code == 0
    assert (tmp_path / "run" / "curve.svg").read_text().count("<polyline") == 1
    none = CliRunner().invoke(app, ["curve", str(tmp_path / "run"), "--only", "lost"])
    assert none.exit_code == 2 and "found lost" in none.output


def test_embeddings_of_a_pack_are_those_made_again(
    corpus_folder: Path, encoder: SpeakerEncoder, tmp_path: Path
) -> None:
    pack(corpus_folder, tmp_path / "pack", encoder, 20 * MIB)
    add_cues(tmp_path / "pack", encoder)
    brought = open_corpus(tmp_path / "pack", encoder, tmp_path / "one").voices
    for file in (tmp_path / "pack" / "cues").iterdir():
        file.unlink()
    made = open_corpus(tmp_path / "pack", encoder, tmp_path / "two").voices
    for a, b in zip(brought.cues, made.cues, strict=True):
        torch.testing.assert_close(torch.from_numpy(a), torch.from_numpy(b), atol=2e-3, rtol=0)


def test_a_pack_is_not_written_over_something_else(
    corpus_folder: Path, encoder: SpeakerEncoder, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(FileExistsError, match="wanted an empty folder"):
        pack(corpus_folder, tmp_path, encoder, 20 * MIB)


def test_a_limit_that_holds_nothing_is_told(
    corpus_folder: Path, encoder: SpeakerEncoder, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="wanted room for"):
        pack(corpus_folder, tmp_path / "pack", encoder, 1000)
