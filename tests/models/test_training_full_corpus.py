"""The full model trains on whatever has captions or labels, and on our own labels as before."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from tap_live.models.clap import Clap, LogMel
from tap_live.models.training import full_corpus
from tap_live.models.training.clap_cues import clap_bank
from tap_live.models.training.clapsep import RECIPES
from tap_live.models.training.commands import app
from tap_live.models.training.data import Clip, read_clips
from tap_live.models.training.full_corpus import kind_of, open_full_corpus
from tap_live.models.training.labels import Kinds
from tap_live.models.training.plain_errors import plainly
from tap_live.models.training.sound_mixing import SoundMixer
from tap_live.models.training.sounds import CUES, CueBank, open_sound_corpus, training_sounds

WIDTH = 8
CAPTIONS = ("a dog barks twice", "rain on a tin roof", "someone types", "a train passes", "")


class Words:
    """A tokenizer of the characters' codes."""

    def __call__(self, texts: list[str], **_: object) -> dict[str, torch.Tensor]:
        ids = torch.ones(len(texts), 77, dtype=torch.int64)
        for row, text in enumerate(texts):
            ids[row, : len(text[:77])] = torch.tensor([2 + ord(one) % 90 for one in text[:77]])
        return {"input_ids": ids}


class Quick(Clap):
    """Cues that are some bands of a sound, or some letters of words."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.mel = LogMel()

    def embed_mel(self, mel: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(mel.mean(1)[:, :WIDTH], dim=-1)

    def embed_tokens(self, ids: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(ids[:, :WIDTH].float(), dim=-1)


@pytest.fixture(scope="module")
def clap() -> Clap:
    torch.set_num_threads(1)
    return Quick()


@pytest.fixture(scope="module")
def captioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty clips without labels; every fifth has no caption either."""
    folder = tmp_path_factory.mktemp("captioned") / "sounds"
    folder.mkdir()
    rng, rows = np.random.default_rng(0), []
    for number in range(60):
        sf.write(folder / f"{number}.wav", 0.1 * rng.standard_normal(8000), 16_000)
        said = CAPTIONS[number % 5]
        caption = f"{said} in scene {number}" if said else ""
        rows.append(json.dumps({"file": f"{number}.wav", "seconds": 0.5, "caption": caption}))
    (folder / "manifest.jsonl").write_text("\n".join(rows))
    return folder.parent


def test_captions_alone_are_enough_under_either_scheme(
    captioned: Path, clap: Clap, tmp_path: Path
) -> None:
    texts = ["a loud noise", "a quiet noise"]
    bank = clap_bank(clap, Words(), captioned, texts, cache=tmp_path / "clap")
    assert len(bank.files) == 60 and bank.width == WIDTH
    train, held_out = open_full_corpus(captioned, tmp_path, bank)
    clips = read_clips(captioned / "sounds")
    for scheme in ("paper", "unpaired"):
        for corpus in (train, held_out):
            example = SoundMixer(corpus, RECIPES[scheme], seed=0).example(1)
            assert example.cues.shape == (2, 2 * WIDTH) and np.isfinite(example.mixture).all()
    told = {file.name: row for file, row in zip(train.files, train.told, strict=True)}
    own = {name.split("/")[1]: row for name, row in zip(bank.files, bank.told, strict=True)}
    for number, clip in enumerate(clips):
        expected = own[clip.file.name] if clip.caption else train.retrieved[number, 0]
        np.testing.assert_array_equal(told[clip.file.name], expected)


def test_embedding_that_was_stopped_goes_on_and_tells_how_far_it_is(
    captioned: Path, clap: Clap, tmp_path: Path
) -> None:
    def stop(what: str, done: int, total: int, /) -> None:
        if (what, done) == ("clips", 40):
            raise KeyboardInterrupt

    def news(what: str, done: int, total: int, /) -> None:
        told.append((what, done, total))

    with pytest.raises(KeyboardInterrupt):
        clap_bank(clap, Words(), captioned, ["noise"], cache=tmp_path / "cache", tell=stop)
    told: list[tuple[str, int, int]] = []
    again = clap_bank(clap, Words(), captioned, ["noise"], cache=tmp_path / "cache", tell=news)
    assert told[0] == ("clips", 32, 60)  # two files of 16 were kept
    assert [one for one in told if one[1] == one[2]][:2] == [
        ("clips", 60, 60), ("their captions", 60, 60),
    ]  # fmt: skip
    whole = clap_bank(clap, Words(), captioned, ["noise"], cache=tmp_path / "other")
    np.testing.assert_array_equal(again.clips, whole.clips)


def test_two_captions_of_one_file_are_never_set_against_each_other(
    captioned: Path, clap: Clap, tmp_path: Path
) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    lines = (captioned / "sounds" / "manifest.jsonl").read_text().splitlines()[:4]
    for line in lines:
        file = json.loads(line)["file"]
        (folder / file).write_bytes((captioned / "sounds" / file).read_bytes())
    again = [
        json.dumps({**json.loads(line), "caption": f"and {n}"}) for n, line in enumerate(lines)
    ]
    (folder / "manifest.jsonl").write_text("\n".join([*lines, *again]))
    bank = clap_bank(clap, Words(), tmp_path, ["noise"], cache=tmp_path / "clap")
    corpora = open_full_corpus(tmp_path, tmp_path / "cache", bank)
    corpus = corpora[0].among(set(range(8)))
    mixer, rng = SoundMixer(corpus, RECIPES["paper"], seed=0), np.random.default_rng(0)
    for _ in range(30):
        its = [corpus.files[clip] for _, clip in mixer._cast(rng, 3)]
        assert len(set(its)) == 3


def test_a_label_is_of_the_table_or_a_kind_of_its_own() -> None:
    kinds = Kinds.open()

    def kind(label: str, caption: str = "", stem: str = "1") -> str:
        return kind_of(
            Clip(Path(f"a/{stem}.wav"), label, 1.0, "train", caption=caption), kinds
        ).name

    assert kind("rain") == "rain" and kind("Laughter") == "laughter"
    assert kind("Bark") == "Bark" and kind("Bark", "two dogs") == "Bark"
    assert kind("1", "two dogs") == "two dogs" and kind("1") == "a/1.wav"


def test_on_labels_of_the_table_examples_are_those_of_before(
    sounds_folder: Path, tmp_path: Path
) -> None:
    bank = CueBank.open(sounds_folder / CUES)
    clips = read_clips(sounds_folder / "sounds")
    known, _ = training_sounds(clips, Kinds.open())
    before = open_sound_corpus(sounds_folder, tmp_path)
    kept = bank.of({f"sounds/{clip.file.name}": f"sounds/{clip.file.name}" for clip in known})
    after = open_full_corpus(sounds_folder, tmp_path, kept)
    for scheme in ("paper", "unpaired"):
        for one, other in zip(before, after, strict=True):
            for number in range(3):
                found = SoundMixer(other, RECIPES[scheme], seed=0).example(number)
                expected = SoundMixer(one, RECIPES[scheme], seed=0).example(number)
                for part, its in zip(found, expected, strict=True):
                    np.testing.assert_array_equal(part, its)


def test_without_spec_augment_parts_of_a_short_clip_are_alike(
    captioned: Path, clap: Clap, tmp_path: Path
) -> None:
    plain = clap_bank(clap, Words(), captioned, ["noise"], cache=tmp_path, augment=False).clips
    np.testing.assert_array_equal(plain, plain[:, :1].repeat(4, axis=1))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--reduced"], "make them with `fit-cues`"),
        (["--reduced", "--cues", "narrow.npz"], "wanted cues of 128 numbers, found 8"),
        (["--clap", "clap.pt"], "make them with `clap-cues`"),
        (["--clap", "clap.pt", "--cues", "narrow.npz"], "wanted cues of 512 numbers, found 8"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_decoded(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("clap.pt").touch()
    ones = np.ones((1, 4, WIDTH), np.float32)
    texts = np.ones((1, WIDTH), np.float32)
    CueBank(["a/b"], ones, texts, texts, texts, ["rain"]).save(Path("narrow.npz"))

    def never(*_: object) -> None:
        raise AssertionError("decoded too soon")

    monkeypatch.setattr(full_corpus, "open_full_corpus", never)
    with pytest.raises(SystemExit) as ended:
        plainly(lambda: app(["fit-clapsep", "data", "run", *arguments]))
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and told in said and said.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [[], ["--reduced", "--clap", "x.pt"], ["--reduced", "--frozen"], ["--frozen", "--lora", "4"]],
)
def test_options_that_exclude_each_other_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        plainly(lambda: app(["fit-clapsep", "data", "run", *arguments]))
    assert ended.value.code == 2
