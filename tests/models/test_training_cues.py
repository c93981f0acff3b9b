"""Cue encoders learn: words lie where sentences do, clips where the words about them lie."""

import json
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from typer.testing import CliRunner

from tap_live.models.cues import WIDTH, AudioCueEncoder, AudioDims, windows
from tap_live.models.training import cue_fitting, text_cue
from tap_live.models.training.audio_cue import cue_loss, draw, embed_all, open_sounds, train
from tap_live.models.training.commands import app
from tap_live.models.training.cue_files import LIKES, TABLE, CueEncoders
from tap_live.models.training.data import read_clips
from tap_live.models.training.labels import Kinds
from tap_live.models.training.retrieval import retrieval
from tap_live.models.training.sounds import CueBank
from tap_live.models.training.space import Space
from tap_live.models.training.text_cue import Vocabulary, distil, embed, words

SMALL = AudioDims(channels=(8, 8, 16), hidden=32)


class FakeTeacher:
    """A sentence lies at the mean of random vectors of its words: a table can learn it all."""

    pieces = ("[PAD]", "a", "dog", "bell", "rare", "##ing", "##s", "b", "##b")

    def __init__(self, *_: object) -> None:
        self._vectors: dict[str, torch.Tensor] = {}

    def embed(self, sentences: Sequence[str]) -> torch.Tensor:
        rows = [self._one(sentence) for sentence in sentences]
        return torch.stack(rows) if rows else torch.zeros(0, 384)

    def _one(self, sentence: str) -> torch.Tensor:
        parts = []
        for word in words(sentence) or ["nothing"]:
            seed = int.from_bytes(word.encode()[:4], "little") + len(word)
            parts.append(torch.from_numpy(np.random.default_rng(seed).standard_normal(384)))
        return F.normalize(torch.stack(parts).mean(0).float(), dim=-1)


@pytest.fixture(scope="module")
def teacher() -> FakeTeacher:
    return FakeTeacher()


def test_a_space_keeps_what_captions_vary_in() -> None:
    torch.manual_seed(0)
    basis = torch.linalg.qr(torch.randn(384, 4))[0]
    sentences = F.normalize(torch.randn(200, 4) @ basis.T + 3 * basis[:, 0], dim=-1)
    space = Space.fit(sentences, width=4)
    assert space.axes.shape == (384, 4)
    centred = F.normalize(sentences - sentences.mean(0), dim=-1)
    torch.testing.assert_close(
        space.place(sentences) @ space.place(sentences).T, centred @ centred.T, atol=1e-4, rtol=0
    )


def test_level_makes_no_difference_to_a_clip() -> None:
    net = AudioCueEncoder(AudioDims(channels=(4, 8), hidden=16)).eval()
    mel = torch.rand(150, 64)
    torch.testing.assert_close(net.embed(mel), net.embed(1e-4 * mel), atol=1e-5, rtol=0)


def test_silent_windows_are_left_out() -> None:
    mel = torch.cat([torch.rand(300, 64), 1e-5 * torch.rand(300, 64)])
    assert len(windows(mel)) < len(windows(torch.rand(600, 64)))
    assert len(windows(torch.zeros(20, 64))) == 1


def test_a_table_learns_what_a_sum_can_say(
    teacher: FakeTeacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_cue, "PHRASES", 10)
    bank = ["a dog", "a bell", "dog bell", "bells a dog", "a big dog", "the big bell"]
    space = Space.fit(torch.cat([teacher.embed(bank), torch.randn(200, 384)]))
    vocabulary = Vocabulary.choose(bank, teacher, bank)  # type: ignore[arg-type]
    assert "big" in vocabulary.pieces and "##ing" in vocabulary.pieces
    table = distil(vocabulary, bank, [], teacher, space, epochs=15_000)  # type: ignore[arg-type]
    likeness = (embed(table, vocabulary, bank) * space.place(teacher.embed(bank))).sum(1)
    assert likeness.min() > 0.9


def test_words_that_are_not_known_are_left_out_of_a_text() -> None:
    vocabulary = Vocabulary(("dog", "##s"), ())
    assert vocabulary.split(["dogs, zebra", "zebra"]) == [[0, 1], []]


def test_an_audio_encoder_learns_kinds(
    sounds_folder: Path, tmp_path: Path, teacher: FakeTeacher
) -> None:
    kinds = Kinds.open()
    space = Space.fit(teacher.embed(list(kinds.sayings())))
    clips = [clip for clip in read_clips(sounds_folder / "sounds") if clip.split == "train"]
    sounds = open_sounds(clips, kinds, teacher, space, tmp_path)  # type: ignore[arg-type]
    assert len(sounds.mels) == 66
    torch.manual_seed(0)
    before = retrieval(
        embed_all(AudioCueEncoder(SMALL).eval(), sounds),
        sounds.kinds,
        sounds.sayings,
        sounds.owners,
    )
    net = train(sounds, epochs=20, batch=16, dims=SMALL)
    after = retrieval(embed_all(net, sounds), sounds.kinds, sounds.sayings, sounds.owners)
    assert after.first > before.first + 0.3
    rng = np.random.default_rng(0)
    batch = torch.from_numpy(np.stack([draw(rng, sounds, clip) for clip in range(8)]))
    assert cue_loss(net(batch), torch.arange(8), sounds) < 6.0


def test_retrieval_counts_what_is_found() -> None:
    sayings, owners = torch.eye(4)[:3], torch.tensor([0, 0, 1])
    queries = F.normalize(torch.tensor([[1.0, 0, 0, 0], [0, 0, 1, 0], [0.9, 0, 1, 0]]), dim=-1)
    found = retrieval(queries, torch.tensor([0, 1, 0]), sayings, owners)
    assert found.first == pytest.approx(2 / 3) and found.five == 1.0
    # Kind 0 finds clips 0 and 2 first; kind 1 finds clip 1 first.
    assert found.precision == pytest.approx(1.0)
    assert str(found) == "R@1 0.667, R@5 1.000, mAP 1.000"


def test_the_command_makes_encoders_and_cues_that_open_again(
    sounds_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cue_fitting, "SentenceEncoder", FakeTeacher)
    monkeypatch.setattr(cue_fitting, "train", partial(train, dims=SMALL))
    monkeypatch.setattr(text_cue, "PHRASES", 10)
    (tmp_path / "config.json").touch()  # the teacher's
    out = tmp_path / "cues"
    arguments = ["fit-cues", str(sounds_folder), str(out), "--minilm", str(tmp_path)]
    arguments += ["--cache", str(tmp_path / "cache"), "--epochs", "1"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    encoders = CueEncoders.open(out)
    assert encoders.of_text("a dog barking").shape == (WIDTH,)
    assert encoders.likes.clips.norm(dim=1).gt(0.99).any()  # of the kinds that there are clips of
    bank = CueBank.open(out / "sound.npz")
    assert bank.clips.shape == (66, 4, WIDTH)
    np.testing.assert_allclose(np.linalg.norm(bank.clips, axis=-1), 1.0, atol=1e-2)
    assert "dev clips, table" in json.loads((out / "audio.json").read_text())["figures"]

    other = tmp_path / "other"
    other.mkdir()
    for name in (TABLE, "pieces.txt", LIKES):
        shutil.copy(out / name, other)
    result = CliRunner().invoke(
        app, ["fit-cues", str(sounds_folder), str(other), *arguments[3:], "--seed", "1"]
    )
    assert result.exit_code == 0, result.output
    again = CueEncoders.open(other)
    for part, kept in zip(again.likes, encoders.likes, strict=True):
        torch.testing.assert_close(part, kept, rtol=0, atol=0)
    assert not np.array_equal(CueBank.open(other / "sound.npz").clips, bank.clips)
