"""Mixtures of sounds: asked rightly, with the right target, always the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from tap_live.models.compact import Dims
from tap_live.models.cues import RATE, WIDTH
from tap_live.models.training.checkpoint import open_network
from tap_live.models.training.commands import app
from tap_live.models.training.config import Schedule, TrainConfig
from tap_live.models.training.data import read_clips
from tap_live.models.training.labels import Kinds
from tap_live.models.training.pack import folder_size
from tap_live.models.training.sound_mixing import (
    Condition,
    SoundMixer,
    SoundRecipe,
    sound_course,
)
from tap_live.models.training.sound_pack import pack_sounds
from tap_live.models.training.sounds import (
    BANDS_32K,
    CUES,
    CueBank,
    SoundCorpus,
    nearest,
    open_sound_corpus,
)
from tap_live.models.training.trainer import Place, Trainer

MIB = 1 << 20
PLAIN = SoundRecipe(
    seconds=1.0, scatter=0.0, without_negative=0.0, without_positive=0.0, alone=0.0, third=0.0,
    absent=0.0, gap_db=0.0, noise=0.0, room=0.0, channel=0.0, speed=0.0,
    colour=0.0, ramp=0,
)  # fmt: skip
Corpora = tuple[SoundCorpus, SoundCorpus]


def test_two_sounds_add_up_to_the_mixture(sounds: Corpora) -> None:
    example = SoundMixer(sounds[0], PLAIN, seed=0).example(3)
    np.testing.assert_allclose(example.targets.sum(axis=0), example.mixture, atol=1e-5)
    assert example.cues.shape == (2, 2 * WIDTH)
    np.testing.assert_allclose(example.cues[0, :WIDTH], example.cues[1, WIDTH:], atol=1.0)


def test_without_the_positive_cue_all_but_the_other_sound_is_wanted(sounds: Corpora) -> None:
    recipe = replace(PLAIN, without_positive=1.0, noise=1.0)
    example = SoundMixer(sounds[0], recipe, seed=0).example(5)
    plain = SoundMixer(sounds[0], replace(PLAIN, noise=1.0), seed=0).example(5)
    assert not example.cues[:, :WIDTH].any() and example.cues[:, WIDTH:].any()
    noise = plain.mixture - plain.targets.sum(axis=0)
    np.testing.assert_allclose(example.targets[0], plain.targets[0] + noise, atol=1e-5)


def test_a_sound_that_is_absent_is_asked_for_and_silent(sounds: Corpora) -> None:
    mixer = SoundMixer(sounds[0], replace(PLAIN, absent=1.0, without_positive=1.0), seed=0)
    for number in range(8):
        example = mixer.example(number)
        assert not example.targets[1].any()
        assert example.cues[1, :WIDTH].any()  # "everything but" is no question here


def test_an_example_is_the_same_whatever_was_mixed_before(sounds: Corpora) -> None:
    recipe = SoundRecipe(seconds=1.0, ramp=4)
    one, two = (SoundMixer(sounds[0], recipe, seed=1) for _ in range(2))
    for number in range(4):
        one.example(number)
    for a, b in zip(one.example(9), two.example(9), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("condition", ["retrieved", "audio", "label", "line"])
def test_each_condition_gives_unit_vectors_of_its_own(
    sounds: Corpora, condition: Condition
) -> None:
    corpus = sounds[0]
    recipe = replace(PLAIN, condition=condition, scatter=0.0)
    cues = SoundMixer(corpus, recipe, seed=0).cues(40)[:, :WIDTH]
    np.testing.assert_allclose(np.linalg.norm(cues, axis=1), 1.0, atol=1e-5)
    sources = {
        "retrieved": corpus.retrieved.reshape(-1, WIDTH),
        "audio": corpus.audio.reshape(-1, WIDTH),
        "label": np.concatenate(corpus.labels),
    }
    for name, source in sources.items():
        found = (cues @ source.T).max(axis=1) > 0.999
        assert found.all() == (name == condition)


def test_a_kind_is_asked_for_in_words_or_by_another_clip_of_it(sounds: Corpora) -> None:
    corpus = sounds[1]  # held out; those that are learned from ask for them
    kind = next(k for k, its in enumerate(corpus.clips) if its)
    recipe = replace(PLAIN, condition="kind", scatter=0.0)
    mixer = SoundMixer(corpus, recipe, seed=0)
    clip = corpus.clips[kind][0]
    cues = np.stack([mixer._cue(np.random.default_rng(n), recipe, kind, clip) for n in range(200)])

    def nearest_to(vectors: np.ndarray) -> np.ndarray:
        return np.asarray((cues @ vectors.reshape(-1, WIDTH).T).max(axis=1) > 0.999)

    words = nearest_to(np.concatenate([corpus.labels[kind], corpus.told[[clip]]]))
    clips = nearest_to(corpus.audio[corpus.examples[kind]])
    assert clip not in corpus.examples[kind] and nearest_to(corpus.told[clip]).any()
    assert 0.25 < words.mean() < 0.45 and 0.08 < clips.mean() < 0.25


def test_what_is_beside_a_sound_may_be_told_as_it_is_heard(sounds: Corpora) -> None:
    heard = np.random.default_rng(0).standard_normal(sounds[0].audio.shape).astype(np.float32)
    heard /= np.linalg.norm(heard, axis=-1, keepdims=True)
    corpus = replace(sounds[0], audio=heard)
    recipe = replace(PLAIN, beside=1.0, condition="label")
    mixer = SoundMixer(corpus, recipe, seed=0)
    target, *around = [(kind, its[0]) for kind, its in enumerate(corpus.clips) if its][:3]
    its, other, third = (corpus.audio[clip] for _, clip in (target, *around))
    said = np.concatenate([corpus.labels[target[0]][0], corpus.labels[around[0][0]][0]])

    def told(
        cast: list[tuple[int, int]], target: tuple[int, int] | None, seed: int = 0
    ) -> np.ndarray:
        cue = mixer._told(np.random.default_rng(seed), recipe, said, target, cast)
        np.testing.assert_array_equal(cue[:WIDTH], said[:WIDTH])
        assert np.linalg.norm(cue[WIDTH:]) == pytest.approx(1.0, abs=1e-5)
        return np.asarray(cue[WIDTH:])

    assert (other @ told(around[:1], None)).max() > 0.999
    little = [(other @ told(around[:1], target, seed)).max() for seed in range(20)]
    assert 0.7 < min(little) < 0.95 < max(little)  # some of it is left
    both = told(around, None)
    assert min((other @ both).max(), (third @ both).max()) > (its @ both).max()
    np.testing.assert_array_equal(
        mixer._told(np.random.default_rng(0), recipe, said, target, []), said
    )
    one_side = said * (np.arange(2 * WIDTH) < WIDTH)
    np.testing.assert_array_equal(
        mixer._told(np.random.default_rng(0), recipe, one_side, target, around), one_side
    )


def test_examples_are_told_what_is_beside_a_sound(sounds: Corpora) -> None:
    level = replace(PLAIN, level_db=(-20.0, -20.0))
    plain, told = (
        SoundMixer(sounds[0], replace(level, beside=beside), seed=0).example(3)
        for beside in (0.0, 1.0)
    )
    np.testing.assert_array_equal(plain.targets[0], told.targets[0])
    np.testing.assert_array_equal(plain.cues[0, :WIDTH], told.cues[0, :WIDTH])
    assert np.abs(plain.cues[0, WIDTH:] - told.cues[0, WIDTH:]).max() > 0.01


def test_noise_moves_a_cue_by_about_its_length(sounds: Corpora) -> None:
    still, moved = (
        SoundMixer(sounds[0], replace(PLAIN, scatter=scatter), seed=0).cues(200)[:, :WIDTH]
        for scatter in (0.0, 0.4)
    )
    # A unit vector and 0.4 across it: cosine 1 / sqrt(1 + 0.16).
    cosine = (moved @ still.T).max(axis=1)
    assert cosine.mean() == pytest.approx(1 / np.sqrt(1.16), abs=0.02)


def test_the_nearest_caption_is_found() -> None:
    captions = np.eye(WIDTH, dtype=np.float32)[:5]
    cues = captions[[3, 1, 1]] + np.float32(0.01)
    np.testing.assert_array_equal(nearest(cues[None], captions)[0], captions[[3, 1, 1]])


def test_no_clip_of_the_dev_split_is_used_and_held_out_clips_are_not_learned(
    sounds: Corpora,
) -> None:
    train, held_out = ({clip for its in c.clips for clip in its} for c in sounds)
    assert not train & held_out
    assert len(train | held_out) == 66  # 6 labels, 11 clips each


def test_too_few_kinds_are_told(sounds: Corpora) -> None:
    with pytest.raises(ValueError, match="at least 3 kinds to mix, found 0"):
        SoundMixer(sounds[0].among(set()), PLAIN, seed=0)


def test_cues_that_lack_a_clip_are_told(sounds_folder: Path, tmp_path: Path) -> None:
    CueBank.open(sounds_folder / CUES).of({}).save(tmp_path / "few.npz")
    with pytest.raises(ValueError, match="found none of 66"):
        open_sound_corpus(sounds_folder, tmp_path, tmp_path / "few.npz")
    with pytest.raises(FileNotFoundError, match="make them with `fit-cues`"):
        open_sound_corpus(sounds_folder, tmp_path, tmp_path / "none.npz")


def test_a_network_learns_from_sounds(sounds: Corpora, tmp_path: Path) -> None:
    config = TrainConfig(
        dims=Dims(
            kind="sound",
            cue=2 * WIDTH,
            bands=BANDS_32K,
            band_width=4,
            full_width=8,
            blocks=1,
            condition_width=4,
        ),
        schedule=Schedule(rate=0.01, warmup=1, batch=2, steps=3),
        check_cases=4,
    )
    course = sound_course(*sounds, replace(PLAIN, seconds=0.5), seed=0)
    its = Trainer(config, course, tmp_path, Place(torch.device("cpu"), 0, 1))
    batch = its.mixtures[0]
    losses = [its.learn(batch).item() for _ in range(50)]
    assert losses[-1] < losses[0] - 0.5


def test_a_pack_of_sounds_trains_and_resumes_without_anything_beside_it(
    sounds_folder: Path, tmp_path: Path
) -> None:
    pack, run = tmp_path / "pack", tmp_path / "run"
    packing = ["pack", str(sounds_folder), str(pack), "--kind", "sound", "--mib", "3"]
    done = CliRunner().invoke(app, packing)
    assert done.exit_code == 0, done.output
    arguments = ["fit", str(pack), str(run), "--kind", "sound", "--batch", "2", "--seconds", "0.5"]
    arguments += ["--band-width", "4", "--full-width", "8", "--blocks", "1"]
    arguments += ["--cache", str(tmp_path / "cache")]
    for steps in ("1", "2"):
        done = CliRunner().invoke(app, [*arguments, "--steps", steps])
        assert done.exit_code == 0, done.output
    assert torch.load(run / "last.pt", weights_only=True)["step"] == 2


def test_a_pack_of_sounds_stays_under_its_limit_and_keeps_labels(
    sounds_folder: Path, tmp_path: Path
) -> None:
    size = pack_sounds(sounds_folder, sounds_folder / CUES, tmp_path / "pack", 3 * MIB)
    assert size == folder_size(tmp_path / "pack") <= 3 * MIB
    clips, kinds = read_clips(tmp_path / "pack" / "sounds"), Kinds.open()
    assert {clip.split for clip in clips} == {"train"}
    names = {kind.name for clip in clips if (kind := kinds.find(clip.name, clip.caption))}
    assert names == {"rain", "dog bark", "bell", "siren", "chainsaw", "engine"}


def test_cues_of_a_pack_are_those_of_its_clips(sounds_folder: Path, tmp_path: Path) -> None:
    pack_sounds(sounds_folder, sounds_folder / CUES, tmp_path / "pack", 3 * MIB)
    original, packed = (CueBank.open(f / CUES) for f in (sounds_folder, tmp_path / "pack"))
    rates = {clip.seconds for clip in read_clips(tmp_path / "pack" / "sounds")}
    assert max(rates) <= 4.0
    lengths = {  # every clip of the fixture has a length of its own within its label
        round(clip.seconds, 2): f"sounds/{clip.file.name}"
        for clip in read_clips(sounds_folder / "sounds")
        if clip.name == "bell"
    }
    for clip in read_clips(tmp_path / "pack" / "sounds"):
        if clip.name == "bell":
            was = original.files.index(lengths[round(clip.seconds, 2)])
            now = packed.files.index(f"sounds/{clip.file.name}")
            np.testing.assert_allclose(packed.clips[now], original.clips[was], atol=1e-3)


def test_a_pack_is_not_written_over_something_else(sounds_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(FileExistsError, match="wanted an empty folder"):
        pack_sounds(sounds_folder, sounds_folder / CUES, tmp_path, MIB)


def test_mixtures_lie_at_32_khz_or_at_16(
    sounds: Corpora, sounds_folder: Path, tmp_path: Path
) -> None:
    assert SoundMixer(sounds[0], PLAIN, seed=0).example(0).mixture.shape == (RATE,)
    halved = open_sound_corpus(sounds_folder, tmp_path, rate=16_000)
    assert SoundMixer(halved[0], PLAIN, seed=0).example(0).mixture.shape == (16_000,)
    assert sound_course(*halved, PLAIN, seed=0).rate == 16_000


def test_a_network_of_a_lower_rate_is_trained_on_request(
    sounds_folder: Path, tmp_path: Path
) -> None:
    arguments = ["fit", str(sounds_folder), str(tmp_path / "run"), "--kind", "sound", "--steps"]
    arguments += ["1", "--batch", "2", "--seconds", "0.5", "--band-width", "4", "--blocks", "1"]
    arguments += ["--full-width", "8", "--cache", str(tmp_path / "cache"), "--audio-rate"]
    done = CliRunner().invoke(app, [*arguments, "16000"])
    assert done.exit_code == 0, done.output
    dims = open_network(tmp_path / "run" / "best.pt").dims
    assert (dims.kind, dims.bins) == ("sound", 256)  # 8 kHz
    refused = CliRunner().invoke(app, [*arguments, "8000"])
    assert refused.exit_code == 2 and "16000 or 32000" in refused.output
