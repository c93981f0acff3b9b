"""Training of vocoder, generative model and student: they learn, resume, and leave what opens."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from tap_live.models.gentse import GenDims
from tap_live.models.gentse_files import load
from tap_live.models.training import gentse, vocoder
from tap_live.models.training.commands import app
from tap_live.models.training.config import Schedule
from tap_live.models.training.corpus import Corpus
from tap_live.models.training.gentse import (
    SMALL,
    GenConfig,
    GenCourse,
    GenTrainer,
    begin,
    gen_course,
)
from tap_live.models.training.gentse_batches import GenBatch, GenMixtures
from tap_live.models.training.gentse_student import StudentTrainer
from tap_live.models.training.mixing import Recipe
from tap_live.models.training.prompt_files import known_words
from tap_live.models.training.prompt_mixing import PromptRecipe
from tap_live.models.training.runner import Place
from tap_live.models.training.vocoder import JUDGES, JUDGES_BEFORE, VocoderConfig, VocoderTrainer
from tap_live.models.training.vocoder import SMALL as SMALL_VOCODER
from tap_live.models.training.vocoder_batches import MOST_SILENT, Segments, open_speech, silence
from tap_live.models.training.words import Script
from tap_live.models.ts_whisper import open_whisper
from tap_live.models.vocoder import VocoderDims
from tap_live.models.vocoder_files import AnyDims, open_vocoder

from .conftest import VOCABULARY

CPU = Place(torch.device("cpu"), rank=0, processes=1)
TINY = replace(SMALL, width=16, layers=1, heads=2, enrolment=50, lora=2)
TINY_VOCODER = replace(SMALL_VOCODER, width=16, layers=1)
TINY_HIFIGAN = VocoderDims(
    mel=SMALL_VOCODER.mel, rates=(8, 5, 4), kernels=(16, 11, 8), channels=16, pairs=False,
    block_kernels=(3, 5), dilations=((1, 2), (2, 6)),
)  # fmt: skip
SCHEDULE = Schedule(steps=2, batch=1, warmup=1, rate=1e-3)
CONFIG = GenConfig(schedule=SCHEDULE, check_cases=4, draws=2)
PLAIN = Recipe(near=0, far=0, noise=0, room=0, channel=0, ramp=0, guises=False)


@pytest.fixture(scope="module")
def course(corpus: Corpus, corpus_folder: Path, labels: Path, whisper_files: Path) -> GenCourse:
    script = Script(whisper_files / "tokenizer.json", VOCABULARY)
    recipe = PromptRecipe(lengths=(2.0,), group=1, mixing=PLAIN)
    return gen_course(corpus, known_words(corpus_folder, labels), script, recipe, 0)


def trainer(
    course: GenCourse, files: Path, folder: Path, config: GenConfig = CONFIG, dims: GenDims = TINY
) -> GenTrainer:
    net = begin(dims, open_whisper(files / "small.pt"), course, 0)
    return GenTrainer(config, net, course, folder, CPU)


def batch_of(course: GenCourse, *, enrolled: float = 1.0, rate: int = 16_000) -> GenBatch:
    return GenMixtures(
        course.train, course.voices, course.script, rate, 2, positions=50, enrolled=enrolled
    )[0]


def test_an_enrolment_is_the_speech_that_its_embedding_was_made_of(
    course: GenCourse, corpus: Corpus
) -> None:
    batch = batch_of(course)
    assert batch.mixture.shape == (4, 32_000) and batch.enrolment.shape == (4, 16_000)
    for cue, enrolment in zip(batch.speaker.numpy(), batch.enrolment.numpy(), strict=True):
        assert enrolment.any()
        np.testing.assert_array_equal(enrolment, course.voices.enrolment(cue)[:16_000])
    with pytest.raises(KeyError):
        course.voices.enrolment(np.zeros(256, np.float32))
    assert not batch_of(course, enrolled=0.0).enrolment.any()


def test_the_vocoders_rate_may_be_another(course: GenCourse) -> None:
    plain, other = batch_of(course), batch_of(course, rate=22_050)
    assert other.target.shape == (4, 44_100)
    levels = [part.target[0].square().mean().sqrt() for part in (plain, other)]
    assert float(levels[1]) == pytest.approx(float(levels[0]), rel=0.02)


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(
    course: GenCourse, whisper_files: Path, tmp_path: Path
) -> None:
    whole = trainer(course, whisper_files, tmp_path / "whole")
    whole.run()
    first = trainer(course, whisper_files, tmp_path / "cut")
    first.learn(first.mixtures[0])
    first.save()
    second = trainer(course, whisper_files, tmp_path / "cut")
    assert second.resume() and second.step == 1
    second.learn(second.mixtures[1])
    for name, part in second.net.learned().items():
        torch.testing.assert_close(part, whole.net.learned()[name], msg=name)


def test_a_few_mixtures_are_learned_by_heart(
    course: GenCourse, whisper_files: Path, tmp_path: Path
) -> None:
    dims = replace(TINY, width=32, layers=2)
    schedule = Schedule(steps=60, batch=1, warmup=1, rate=5e-3, floor=1.0, average=0.8)
    config = replace(CONFIG, schedule=schedule, examples=2, draws=4, dropped=0.0)
    run = trainer(course, whisper_files, tmp_path, config, dims)
    before = run.measure()
    for number in range(60):
        run.learn(run.mixtures[number])
    after = run.measure()
    assert after["flow"] < 0.6 * before["flow"]
    assert after["mel"] < 0.85 * before["mel"]
    assert after["mel_mixture"] == before["mel_mixture"]
    assert after["said"] < before["said"]


@pytest.mark.parametrize("left_out", ["text", "enrolment"])
def test_the_papers_ablations_train(
    left_out: str, course: GenCourse, whisper_files: Path, tmp_path: Path
) -> None:
    config = replace(CONFIG, text=0.0) if left_out == "text" else CONFIG
    dims = replace(TINY, enrolment=0) if left_out == "enrolment" else TINY
    run = trainer(course, whisper_files, tmp_path, config, dims)
    run.run()
    net = load(tmp_path / "best.pt", whisper_files / "small.pt")
    assert net.dims == dims


def test_a_student_learns_its_flow_alone_and_opens_like_its_teacher(
    course: GenCourse, whisper_files: Path, tmp_path: Path
) -> None:
    taught = trainer(course, whisper_files, tmp_path / "teacher")
    taught.run()
    teacher = load(tmp_path / "teacher" / "best.pt", whisper_files / "small.pt")
    student = StudentTrainer(
        replace(CONFIG, schedule=replace(SCHEDULE, batch=2)), teacher, course,
        tmp_path / "student", CPU, teacher_steps=3, guidance=0.0,
    )  # fmt: skip
    student.run()
    assert student.step == 2
    opened = load(tmp_path / "student" / "best.pt", whisper_files / "small.pt")
    before, after = teacher.learned(), opened.learned()
    assert before.keys() == after.keys()
    for name in before:
        if not name.startswith("flow."):
            torch.testing.assert_close(before[name], after[name])
    assert any(not torch.equal(before[n], after[n]) for n in before if n.startswith("flow."))


@pytest.mark.parametrize("dims", [TINY_VOCODER, TINY_HIFIGAN])
def test_a_vocoder_learns_alone_and_then_against_discriminators(
    dims: AnyDims, corpus_folder: Path, tmp_path: Path
) -> None:
    config = VocoderConfig(
        dims=dims, schedule=Schedule(steps=3, batch=2, warmup=1), segment=16,
        adversary_from=1, share=0.125, check_cases=4,
    )  # fmt: skip
    speech = open_speech(corpus_folder, 16_000, tmp_path / "cache")
    assert not set(speech.train) & set(speech.held_out)
    whole = VocoderTrainer(config, speech, tmp_path / "whole", CPU)
    whole.run()
    first = VocoderTrainer(config, speech, tmp_path / "cut", CPU)
    for number in range(2):
        first.learn(first.mixtures[number])
    first.save()
    second = VocoderTrainer(config, speech, tmp_path / "cut", CPU)
    assert second.resume() and second.step == 2
    second.learn(second.mixtures[2])
    for net, same in ((second.net, whole.net), (second.judges, whole.judges)):
        for name, part in net.state_dict().items():
            torch.testing.assert_close(part, same.state_dict()[name], msg=name)
    opened = open_vocoder(tmp_path / "whole" / "best.pt")
    assert opened.dims == dims


def test_segments_do_not_clip_and_follow_their_number(corpus_folder: Path, tmp_path: Path) -> None:
    speech = open_speech(corpus_folder, 16_000, tmp_path)
    segments = Segments(speech.store, speech.train, 4096, 8, (0, 1))
    assert segments[3].audio.abs().max() < 1
    torch.testing.assert_close(segments[3].audio, segments[3].audio)
    both = [Segments(speech.store, speech.train, 4096, 4, (rank, 2))[3].audio for rank in (0, 1)]
    torch.testing.assert_close(torch.cat(both), segments[3].audio)


def test_the_commands_train_teacher_and_student(
    corpus_folder: Path, labels: Path, whisper_files: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setitem(gentse.SIZES, "small", TINY)
    monkeypatch.setitem(vocoder.SIZES, "small", TINY_VOCODER)
    folder = tmp_path / "whisper"
    folder.mkdir()
    weights = open_whisper(whisper_files / "small.pt").state_dict()
    save_file({n: part.contiguous() for n, part in weights.items()}, folder / "model.safetensors")
    (folder / "tokenizer.json").write_bytes((whisper_files / "tokenizer.json").read_bytes())
    short = ["--steps", "1", "--batch", "1", "--cache", str(tmp_path / "cache")]
    given = ["--seconds", "2", "--whisper", str(folder), "--labels", str(labels)]

    def ran(*arguments: str) -> Path:
        out = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        command, *options = arguments
        whole = [command, str(corpus_folder), str(out), *options, *short]
        result = CliRunner().invoke(app, whole, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return out / "best.pt"

    begun = ran("fit-vocoder", "--share", "0.125")
    assert open_vocoder(begun).dims == TINY_VOCODER
    further = open_vocoder(ran("fit-vocoder", "--start", str(begun), "--rate", "1e-9"))
    for was, found in zip(open_vocoder(begun).parameters(), further.parameters(), strict=True):
        torch.testing.assert_close(found, was, atol=1e-5, rtol=0)
    teacher = ran("fit-gentse", *given, "--no-mixture", "--lora", "2", "--bf16")
    assert not load(teacher, folder).dims.mixture
    student = ran("fit-gentse", *given, "--distil", str(teacher), "--teacher-steps", "2")
    assert not load(student, folder).dims.mixture
    again = ran("fit-gentse", *given, "--start", str(student))
    assert not load(again, folder).dims.mixture
    assert {load(made, folder).dims.context_s for made in (teacher, student, again)} == {2.0}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--distil", "a.pt", "--width", "64"), "its own sizes: leave --width"),
        (("--start", "a.pt", "--lora", "4", "--no-mixture"), "leave --mixture, --lora"),
        (("--start", "a.pt", "--distil", "b.pt"), "give --distil or --start"),
    ],
)
def test_sizes_that_a_given_model_would_not_take_are_refused(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    result = CliRunner().invoke(
        app, ["fit-gentse", str(tmp_path), str(tmp_path / "out"), *words], env={"COLUMNS": "200"}
    )
    assert result.exit_code == 2
    assert said in result.output
    assert not (tmp_path / "out").exists()


def test_missing_words_are_told_before_anything_is_decoded(
    corpus_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "pretrained.pt").touch()
    whole = ["fit-gentse", str(corpus_folder), str(tmp_path / "out"), "--whisper", str(tmp_path)]
    more = ["--speaker", str(tmp_path / "pretrained.pt"), "--cache", str(tmp_path / "cache")]
    result = CliRunner().invoke(app, [*whole, *more, "--labels", str(tmp_path / "none.jsonl")])
    assert "wanted the words of the training speech in" in str(result.exception)
    assert not (tmp_path / "cache").exists()


def test_segments_are_of_what_is_heard(tmp_path: Path) -> None:
    audio = np.random.default_rng(0).normal(0, 0.1, 96_000)
    audio[32_000:] = 0
    (tmp_path / "speech" / "ana").mkdir(parents=True)
    sf.write(tmp_path / "speech" / "ana" / "a.wav", audio, 16_000)
    speech = open_speech(tmp_path, 16_000, tmp_path / "cache")
    segments = Segments(speech.store, speech.train, 4096, 8, (0, 1))
    assert max(silence(row.numpy()) for row in segments[0].audio) <= MOST_SILENT
    assert silence(audio) > 0.6


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        ("fit-vocoder", ("--segment", "1"), "wanted segments of 13 mel frames or more"),
        ("fit-vocoder", ("--share", "0.01"), "in eighths, 0.125 to 1, found 0.01"),
        ("fit-vocoder", ("--rate", "nan"), "wanted a learning rate above 0, found nan"),
        (
            "fit-vocoder",
            ("--size", "public", "--channels", "4"),
            "wanted 16 channels or more, which halve 4 times",
        ),
        ("fit-vocoder", ("--scales", "-1"), "from 0 on, found -1"),
        ("fit-vocoder", ("--segment", "0"), "Invalid value for '--segment'"),
        ("fit-gentse", ("--dropped", "2"), "Invalid value for '--dropped'"),
        ("fit-gentse", ("--draws", "0"), "Invalid value for '--draws'"),
        ("fit-gentse", ("--text", "-1"), "Invalid value for '--text'"),
        ("fit-gentse", ("--seconds", "40"), "Invalid value for '--seconds'"),
        ("fit-gentse", ("--teacher-steps", "0"), "Invalid value for '--teacher-steps'"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_a_line(
    command: str, words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    whole = [command, str(tmp_path), str(tmp_path / "out"), *words]
    result = CliRunner().invoke(app, whole, env={"COLUMNS": "200"})
    assert result.exit_code != 0
    assert said in (result.output if "Invalid" in said else str(result.exception))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("given", [{"draws": 0}, {"dropped": 1.5}, {"text": -0.1}, {"enrolled": 2}])
def test_a_run_of_other_shares_than_there_are_is_refused(given: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="wanted"):
        replace(CONFIG, **given)


def test_a_kill_between_two_files_leaves_discriminators_of_the_generators_step(
    corpus_folder: Path, tmp_path: Path
) -> None:
    config = VocoderConfig(
        dims=TINY_VOCODER, schedule=Schedule(steps=4, batch=1, warmup=1), segment=16,
        adversary_from=0, share=0.125, scales=0, check_cases=4,
    )  # fmt: skip
    speech = open_speech(corpus_folder, 16_000, tmp_path / "cache")
    folder = tmp_path / "run"
    run = VocoderTrainer(config, speech, folder, CPU)
    run.learn(run.mixtures[0])
    run.save()
    wanted = {name: part.clone() for name, part in run.judges.state_dict().items()}
    last = (folder / "last.pt").read_bytes()
    run.learn(run.mixtures[1])
    run.save()
    (folder / "last.pt").write_bytes(last)  # the kill came before this was written
    for missing in (None, JUDGES):  # or before that too
        if missing:
            (folder / missing).unlink()
        again = VocoderTrainer(config, speech, folder, CPU)
        assert again.resume() and again.step == 1
        for name, part in again.judges.state_dict().items():
            torch.testing.assert_close(part, wanted[name], msg=name)
    content = torch.load(folder / JUDGES_BEFORE, weights_only=True)
    del content["step"]  # as it was saved before
    torch.save(content, folder / JUDGES)
    assert VocoderTrainer(config, speech, folder, CPU).resume()
