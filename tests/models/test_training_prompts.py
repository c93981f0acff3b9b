"""Prompts: mixtures with the words of who is asked for; a Whisper that learns to follow them."""

import copy
import json
import lzma
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from tokenizers import Tokenizer
from typer.testing import CliRunner

from tap_live.catalogue import BUNDLES
from tap_live.export.task import clip
from tap_live.models.compact import CompactExtractor, Dims
from tap_live.models.log_mel import LogMel
from tap_live.models.speaker import SpeakerEncoder
from tap_live.models.spectra import Spectra, extract
from tap_live.models.training import mixing, prompt_mixing
from tap_live.models.training.commands import app
from tap_live.models.training.config import Schedule
from tap_live.models.training.corpus import Corpus, open_corpus
from tap_live.models.training.mixing import Recipe
from tap_live.models.training.prompt_batches import PromptBatch, PromptMixtures, PromptObjective
from tap_live.models.training.prompt_commands import PromptFiles, prompt_trainer
from tap_live.models.training.prompt_extracting import Extracting
from tap_live.models.training.prompt_files import known_words, whisper_folder
from tap_live.models.training.prompt_mixing import PromptMixer, PromptRecipe, stretch
from tap_live.models.training.prompt_pack import pack_prompts
from tap_live.models.training.prompts import (
    PromptConfig,
    PromptTrainer,
    prompt_course,
    student,
)
from tap_live.models.training.runner import Place
from tap_live.models.training.words import IGNORED, Script, Word, read_labels
from tap_live.models.ts_whisper import load, open_whisper
from tap_live.whisper.features import log_mel

from .conftest import VOCABULARY

CPU = Place(torch.device("cpu"), rank=0, processes=1)
PLAIN = Recipe(near=0, far=0, noise=0, room=0, channel=0, ramp=0, guises=False)
SMALL = Dims(band_width=4, full_width=8, blocks=1, condition_width=4)
CONFIG = PromptConfig(
    schedule=Schedule(steps=2, batch=1, warmup=1, rate=0.01), check_cases=4, length=4
)


@pytest.fixture(scope="module")
def script(whisper_files: Path) -> Script:
    return Script(whisper_files / "tokenizer.json", VOCABULARY)


@pytest.fixture(scope="module")
def corpus(corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    encoder = SpeakerEncoder.open(corpus_folder / "speaker.safetensors")
    return open_corpus(corpus_folder, encoder, tmp_path_factory.mktemp("cache"))


def mixer(corpus: Corpus, corpus_folder: Path, labels: Path, recipe: PromptRecipe) -> PromptMixer:
    return PromptMixer(corpus.voices, corpus.around, known_words(corpus_folder, labels), recipe, 0)


@pytest.fixture
def trainer(
    corpus: Corpus, corpus_folder: Path, labels: Path, whisper_files: Path, script: Script,
    tmp_path: Path,
) -> PromptTrainer:  # fmt: skip
    return make_trainer(corpus, corpus_folder, labels, whisper_files, script, tmp_path / "run")


def make_trainer(
    corpus: Corpus, folder: Path, labels: Path, files: Path, script: Script, out: Path,
    config: PromptConfig = CONFIG, front: Extracting | None = None,
) -> PromptTrainer:  # fmt: skip
    words = known_words(folder, labels)
    recipe = PromptRecipe(lengths=(2.0,), group=1, mixing=PLAIN)
    course = prompt_course(corpus, words, script, recipe, 0)
    cues = torch.from_numpy(np.concatenate([cue.reshape(-1, 256) for cue in corpus.voices.cues]))
    whisper = open_whisper(files / "small.pt")
    return PromptTrainer(config, whisper, course, cues, out, CPU, front)


def test_words_are_read_as_they_were_written(labels: Path) -> None:
    found = read_labels(labels)
    assert "gone.flac" not in found
    assert found["v0-0.flac"].words[1] == Word(" w1", pytest.approx(0.7), pytest.approx(1.1))


def test_missing_labels_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="prompt_labels SPEECH"):
        read_labels(tmp_path / "words.jsonl")


def test_log_mel_is_what_the_live_engine_hears() -> None:
    audio = (0.1 * np.random.default_rng(0).standard_normal(320 * 60)).astype(np.float32)
    found = LogMel()(torch.from_numpy(audio)[None])[0].numpy()
    np.testing.assert_allclose(found, log_mel(audio), atol=1e-4)


@pytest.mark.parametrize("name", ["whisper-base", "whisper-tiny.en"])
def test_a_space_belongs_to_its_word(name: str, tmp_path: Path) -> None:
    """The multilingual file as it is published writes ` the` as two tokens."""
    file = tmp_path / "tokenizer.json"
    file.write_bytes(lzma.decompress((BUNDLES / name / "tokenizer.json.xz").read_bytes()))
    words = [Word(text, 0.0, 1.0) for text in (" the", " barren", " to")]
    tokens = Script(file, 51864).row(words, timestamps=False).tokens[2:-1]
    known = Tokenizer.from_file(str(file))
    assert [known.id_to_token(tokens[at]) for at in (0, -1)] == ["Ġthe", "Ġto"]


def test_a_row_says_what_follows_each_token(script: Script) -> None:
    row = script.row([Word(" a", 0.2, 0.5), Word(" b", 0.6, 1.0)], timestamps=False)
    assert row.tokens[0] == script._start[0] and row.tokens[-1] == script.eot
    assert script.read(row.tokens) == "a b"
    known = [n for n, label in enumerate(row.labels) if label != IGNORED]
    assert [row.labels[n] for n in known] == [row.tokens[n + 1] for n in known]
    assert known == [*range(1, len(row.tokens) - 1)]
    assert row.followed == [True] * (len(row.tokens) - 1) + [False]


def test_times_are_written_where_words_begin_and_end_and_left_open(script: Script) -> None:
    row = script.row([Word(" a", 0.2, 1.0)], timestamps=True)
    first = script.no_speech + 2
    assert row.tokens[1] == first + 10 and row.tokens[-2] == first + 50
    assert all(label < first - 2 for label in row.labels)


def test_nothing_said_is_silence_and_the_end(script: Script) -> None:
    row = script.row((), timestamps=False)
    assert row.labels[0] == script.no_speech
    assert row.labels[-2] == script.eot and row.tokens[-1] == script.eot
    assert not any(row.followed)


def test_a_stretch_begins_and_ends_between_words() -> None:
    words = tuple(Word(f" {n}", 0.6 * n + 0.1, 0.6 * n + 0.5) for n in range(15))
    rng = np.random.default_rng(0)
    for _ in range(50):
        part, said = stretch(rng, words, 3, 4.0)
        start, stop = part.start / 16000, part.stop / 16000
        assert part.clip == 3 and stop - start <= 4.0 + 1e-3
        inside = [w for w in words if w.start > start - 1e-3 and w.end < stop + 1e-3]
        assert inside == [*said]


def test_an_example_depends_on_seed_and_number_alone(
    corpus: Corpus, corpus_folder: Path, labels: Path
) -> None:
    recipe = PromptRecipe(lengths=(2.0, 3.0), group=2)
    first, again = (mixer(corpus, corpus_folder, labels, recipe) for _ in range(2))
    again.asked(0)  # another history
    one, other = first.asked(5), again.asked(5)
    np.testing.assert_array_equal(one.mixture, other.mixture)
    assert one.words == other.words


def test_who_is_asked_for_is_in_the_mixture_or_says_nothing(
    corpus: Corpus, corpus_folder: Path, labels: Path
) -> None:
    recipe = PromptRecipe(lengths=(3.0,), third=0, mixing=PLAIN)
    its = mixer(corpus, corpus_folder, labels, recipe)
    kinds = set()
    for number in range(20):
        asked = its.asked(number)
        present = asked.targets.any(axis=1)
        kinds.add(tuple(present))
        assert present[0] and asked.words[0]
        assert bool(asked.words[1]) == present[1]
        assert asked.words[0][-1].end <= 3.1
        rest = asked.mixture - asked.targets.sum(axis=0)
        if present[1]:
            assert np.abs(rest).max() < 1e-5
    assert kinds == {(True, True), (True, False)}


def test_too_few_voices_with_words_are_refused(corpus: Corpus) -> None:
    with pytest.raises(ValueError, match="wanted at least 4 voices whose words are known, found 0"):
        PromptMixer(corpus.voices, corpus.around, {}, PromptRecipe(), 0)


def test_all_voices_of_a_mixture_are_in_rooms_or_none_is(
    corpus: Corpus, corpus_folder: Path, labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def noted(audio: NDArray[np.float32], response: NDArray[np.float32]) -> NDArray[np.float32]:
        asked[-1] += 1
        return audio

    for place in (mixing, prompt_mixing):
        monkeypatch.setattr(place, "reverberate", noted)
    recipe = PromptRecipe(
        lengths=(4.0,), alone=0.0, third=1.0, fourth=0.0, mixing=replace(PLAIN, room=0.5)
    )
    indoors = mixer(corpus, corpus_folder, labels, recipe)
    for number in range(24):
        asked.append(0)
        indoors.asked(number)
    assert set(asked) == {0, 3}


def test_prompts_begin_as_plain_whisper(trainer: PromptTrainer) -> None:
    figures = trainer.measure()
    assert figures["said"] == pytest.approx(figures["said_mixture"], abs=0.3)


def test_the_loss_falls_while_whisper_stays(trainer: PromptTrainer) -> None:
    before = {n: p.clone() for n, p in trainer.net.whisper.named_parameters()}
    batch = trainer.mixtures[0]
    losses = [trainer.learn(batch).item() for _ in range(12)]
    assert losses[-1] < losses[0] - 0.1
    for name, part in trainer.net.whisper.named_parameters():
        assert torch.equal(part, before[name])
    learning, total = trainer.trained
    assert 0 < learning < total


def test_a_run_resumes_and_leaves_prompts_that_load(
    trainer: PromptTrainer, corpus: Corpus, corpus_folder: Path, labels: Path,
    whisper_files: Path, script: Script,
) -> None:  # fmt: skip
    trainer.run()
    rows = (trainer.folder / "log.jsonl").read_text().splitlines()
    assert {"said", "said_alone", "none", "some"} <= json.loads(rows[-1]).keys()
    assert (trainer.folder / "last.pt").stat().st_size < 3e6  # Whisper is not in it
    more = replace(CONFIG, schedule=replace(CONFIG.schedule, steps=3))
    again = make_trainer(corpus, corpus_folder, labels, whisper_files, script, trainer.folder, more)
    assert again.resume() and again.step == 2
    again.run()
    assert again.step == 3
    net = load(whisper_files / "small.pt", trainer.folder / "best.pt")
    assert net.prompts.length == 4


def test_a_run_may_begin_with_the_prompts_of_another(
    trainer: PromptTrainer, corpus: Corpus, corpus_folder: Path, labels: Path,
    whisper_files: Path, script: Script, tmp_path: Path,
) -> None:  # fmt: skip
    trainer.run()
    settled = trainer.average.prompts.settled()
    save_file(settled, tmp_path / "prompts.safetensors")
    for file in (trainer.folder / "best.pt", tmp_path / "prompts.safetensors"):
        again = make_trainer(
            corpus, corpus_folder, labels, whisper_files, script, tmp_path / file.stem
        )
        again.warm_start(file)
        for name, part in again.net.prompts.settled().items():
            torch.testing.assert_close(part, settled[name], atol=1e-5, rtol=1e-4, msg=name)
        before = again.net.prompts.soft("encoder").clone()
        again.learn(again.mixtures[0])
        changed = [m.net[-1].weight.abs().max() for m in again.net.prompts.mlp_encoder]
        assert min(changed) > 0  # perceptrons learn too
        assert not torch.equal(again.net.prompts.soft("encoder"), before)
    short = {n: p[:, :2] if "soft" in n else p for n, p in settled.items()}
    save_file({n: p.contiguous() for n, p in short.items()}, tmp_path / "short.safetensors")
    with pytest.raises(ValueError, match="wanted prompts of sizes"):
        again.warm_start(tmp_path / "short.safetensors")


def test_lora_learns_instead_of_prompts(
    corpus: Corpus, corpus_folder: Path, labels: Path, whisper_files: Path, script: Script,
    tmp_path: Path,
) -> None:  # fmt: skip
    config = replace(CONFIG, lora=2)
    its = make_trainer(corpus, corpus_folder, labels, whisper_files, script, tmp_path, config)
    names = {n for n, p in its.net.named_parameters() if p.requires_grad}
    assert any("lora_A" in name for name in names)
    batch = its.mixtures[0]
    losses = [its.learn(batch).item() for _ in range(8)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("told", [False, True], ids=["", "told who is beside"])
def test_behind_an_extractor_its_voices_are_heard(
    corpus: Corpus, corpus_folder: Path, labels: Path, whisper_files: Path, script: Script,
    tmp_path: Path, told: bool,
) -> None:  # fmt: skip
    torch.manual_seed(0)
    net = CompactExtractor(replace(SMALL, cue=512) if told else SMALL)
    made = (corpus, corpus_folder, labels, whisper_files, script)
    before = copy.deepcopy(net.state_dict())
    its = make_trainer(*made, tmp_path / "behind", front=Extracting(net, CPU.device))
    plain = make_trainer(*made, tmp_path / "plain")
    assert not torch.equal(its.net.prompts.soft("encoder"), plain.net.prompts.soft("encoder"))
    heard, whole = its._checks[0], plain._checks[0]
    asked = torch.zeros(len(whole.speaker), 1, net.dims.cue)
    asked[:, 0, :256] = whole.speaker
    expected = extract(net, Spectra(net.dims, 16000), whole.mixture, asked)[:, 0]
    assert heard.mixture.shape == whole.mixture.shape
    torch.testing.assert_close(heard.mixture[:, : expected.shape[1]], expected)
    assert torch.equal(heard.target, whole.target)
    assert not torch.equal(its.learn(its.mixtures[0]), plain.learn(plain.mixtures[0]))
    torch.testing.assert_close(net.state_dict(), before, rtol=0, atol=0)


def test_runs_behind_other_extractors_are_not_compared(
    corpus: Corpus, corpus_folder: Path, labels: Path, whisper_files: Path, script: Script,
    tmp_path: Path,
) -> None:  # fmt: skip
    fronts = [None, *(Extracting(CompactExtractor(SMALL), CPU.device) for _ in range(2))]
    made = (corpus, corpus_folder, labels, whisper_files, script, tmp_path)
    runs = [make_trainer(*made, front=front) for front in fronts]
    assert len({its.scoring() for its in runs}) == 3
    runs[1].run()
    about = torch.load(tmp_path / "best.pt", weights_only=True)["about"]
    assert about["extractor"] == runs[1].scoring() > 0
    runs[1].best = 1e9
    runs[1].save()
    assert runs[2].resume() and runs[2].best < 1e9


def test_an_extractor_of_sounds_is_refused() -> None:
    with pytest.raises(ValueError, match="wanted an extractor of voices, found one of sounds"):
        Extracting(CompactExtractor(Dims(kind="sound", band_width=4)), CPU.device)


@pytest.mark.parametrize("change", [{"bf16": True}, {"workers": 1}, {"whole": 1.0}])
def test_it_trains_as_a_gpu_would(
    corpus: Corpus, corpus_folder: Path, labels: Path, whisper_files: Path, script: Script,
    tmp_path: Path, change: dict[str, Any],
) -> None:  # fmt: skip
    config = replace(CONFIG, schedule=replace(CONFIG.schedule, steps=1), **change)
    its = make_trainer(corpus, corpus_folder, labels, whisper_files, script, tmp_path, config)
    its.run()
    assert its.step == 1
    assert all(p.isfinite().all() for p in its.net.prompts.parameters())


@pytest.mark.parametrize(
    ("shares", "frames"), [({}, 1000), ({"whole": 1.0, "cut": 1.0}, 3000), ({"cut": 1.0}, 300)]
)
def test_other_contexts_train_too(
    corpus: Corpus, corpus_folder: Path, labels: Path, script: Script, shares: dict[str, float],
    frames: int,
) -> None:  # fmt: skip
    its = mixer(corpus, corpus_folder, labels, PromptRecipe(lengths=(2.0,)))
    assert int(PromptMixtures(its, script, 1, **shares)[0].frames) == frames


def test_times_are_followed_as_if_nothing_stood_in_front(
    trainer: PromptTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, batch = trainer._parts, trainer.mixtures[0]
    late = trainer.net.lead // 2
    first = parts._times
    spoken = torch.randn(*batch.tokens.shape, VOCABULARY)
    asked: list[torch.Tensor] = []

    def written(tokens: torch.Tensor, encoded: Any) -> torch.Tensor:
        asked.append(tokens)
        return spoken

    monkeypatch.setattr(parts, "_written", written)
    logits, _ = parts.follow(batch)
    timed = batch.tokens >= first
    assert torch.equal(asked[0][timed], batch.tokens[timed] + late)
    assert torch.equal(asked[0][~timed], batch.tokens[~timed])
    assert torch.equal(logits[..., :first], spoken[..., :first])
    torch.testing.assert_close(
        logits[..., first], spoken[..., first : first + late + 1].logsumexp(-1)
    )
    assert torch.equal(logits[..., first + 1 : VOCABULARY - late], spoken[..., first + late + 1 :])
    assert (logits[..., VOCABULARY - late :] < -1e3).all()


def test_what_is_followed_is_plain_whisper_though_it_hears_later(tmp_path: Path) -> None:
    """Prompts stand where plain Whisper's first positions are: its times must not be theirs."""
    files = whisper_folder("tiny.en", tmp_path, tmp_path)
    whisper = open_whisper(files)
    script = Script(files / "tokenizer.json", whisper.dims.n_vocab)
    audio = torch.from_numpy(clip("conversation.ogg", 16000)[16000:][: 16000 * 6])[None]
    said = " Sorry I'm late, Ben. The number nine bus never came. Did you get my message"
    said += " about the budget?"
    row = script.row([Word(said, 0.2, 5.3)], timestamps=True)
    tokens, labels, followed = (torch.tensor([part]) for part in row)
    batch = PromptBatch(
        audio, audio, torch.zeros(1, 256), tokens, labels, followed, torch.tensor(1000)
    )
    objective = PromptObjective(
        student(whisper, torch.randn(4, 256), PromptConfig()), whisper, 0, script.times
    )
    logits, _ = objective.follow(batch)
    plain = objective.plain(audio, tokens, 1000)
    assert logits.shape == plain.shape
    timed = tokens.roll(-1).ge(script.times)
    found, expected = (x[timed][:, script.times :].argmax(-1) for x in (logits, plain))
    assert len(found) == 2 and (found - expected).abs().max() <= 8  # 17, if they were late
    spoken = followed & ~timed
    assert (logits.argmax(-1) == plain.argmax(-1))[spoken].float().mean() > 0.9


def test_a_pack_trains_without_anything_beside_it(
    corpus_folder: Path, labels: Path, whisper_files: Path, tmp_path: Path
) -> None:
    encoder = SpeakerEncoder.open(corpus_folder / "speaker.safetensors")
    net = open_whisper(whisper_files / "small.pt")
    source = tmp_path / "source"
    source.mkdir()
    save_file(
        {n: p.contiguous() for n, p in net.state_dict().items()}, source / "model.safetensors"
    )
    (source / "tokenizer.json").write_bytes((whisper_files / "tokenizer.json").read_bytes())
    pack = tmp_path / "pack"
    size = pack_prompts(corpus_folder, labels, source, pack, encoder, 9 << 20)
    assert size <= 9 << 20
    assert len(read_labels(pack / "speech" / "words.jsonl")) == 11
    packed = open_whisper(whisper_folder(None, pack, tmp_path))
    for ours, exact in zip(packed.parameters(), net.parameters(), strict=True):
        assert (ours - exact).abs().max() <= exact.abs().max() / 100
    its = prompt_trainer(
        PromptFiles(pack, tmp_path / "cache", None, None), encoder, CONFIG,
        PromptRecipe(lengths=(2.0,), group=1, mixing=PLAIN), tmp_path / "run", CPU,
    )  # fmt: skip
    its.run()
    assert its.step == 2


def test_the_curve_of_a_run_is_drawn(trainer: PromptTrainer) -> None:
    trainer.run()
    done = CliRunner().invoke(app, ["curve", str(trainer.folder)])
    assert done.exit_code == 0, done.output
    assert "plain Whisper, what is heard" in (trainer.folder / "curve.svg").read_text()
