"""Commands of the generative voice model: its vocoder, itself, its student.

Each looks for what it was given before it imports PyTorch, which takes seconds.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..present import check_file
from .choices import Size
from .whisper_files import TOKENIZER, check_whisper, whisper_folder
from .words import LABELS, check_labels

if TYPE_CHECKING:
    from ..gentse import GenDims, GenTSE
    from ..vocoder_files import AnyDims
    from .gentse import GenCourse
    from .prompt_mixing import PromptRecipe
    from .runner import Place

OWN = ("size", "width", "layers", "enrolment", "mixture", "lora")
"""Options of a new model; one that is gone on from, or distilled, brings its own."""


@dataclass(frozen=True)
class Material:
    """What a user gave to learn from."""

    data: Path
    speaker: Path | None
    whisper: Path  # with its tokenizer
    labels: Path | None
    cache: Path

    def course(self, recipe: "PromptRecipe", seed: int, place: "Place") -> "GenCourse":
        """Open it. Raises: FileNotFoundError, ValueError saying what is missing."""
        from ..speaker import SpeakerEncoder
        from ..ts_whisper import open_whisper
        from .corpus import open_corpus
        from .gentse import gen_course
        from .prompt_files import known_words
        from .words import Script

        encoder = SpeakerEncoder.open(self.speaker or self.data / "speaker.safetensors")
        corpus = open_corpus(self.data, encoder.to(place.device), self.cache)
        words = known_words(self.data, self.labels)
        whisper = open_whisper(self.whisper)
        script = Script(self.whisper / TOKENIZER, whisper.dims.n_vocab)
        return gen_course(corpus, words, script, recipe, seed)


def fit_vocoder(
    data: Annotated[Path, typer.Argument(help="folder with speech")],
    out: Annotated[Path, typer.Argument(help="folder of this run; resumed if it has a last.pt")],
    size: Annotated[
        Size, typer.Option(help="Vocos at 16 kHz, or HiFi-GAN as the universal checkpoint")
    ] = "small",
    channels: Annotated[int | None, typer.Option(help="width [default: the size's]", min=1)] = None,
    adversary_from: Annotated[
        int, typer.Option(help="step from which discriminators are heard")
    ] = 20_000,
    share: Annotated[
        float, typer.Option(help="of the discriminators' published widths, in eighths")
    ] = 1.0,
    scales: Annotated[
        int, typer.Option(help="discriminators of smoothed audio; 0 is ten times cheaper on a CPU")
    ] = 3,
    start: Annotated[Path | None, typer.Option(help="best.pt to begin with")] = None,
    cache: Annotated[Path, typer.Option(help="decoded audio")] = Path("runs/cache"),
    minutes: Annotated[float, typer.Option(help="training time, all sessions together")] = 1e9,
    steps: Annotated[int, typer.Option()] = 1_000_000,
    batch: Annotated[int, typer.Option(help="segments a process and step")] = 16,
    rate: Annotated[float, typer.Option(help="learning rate")] = 5e-4,
    segment: Annotated[int, typer.Option(help="mel frames of an example", min=1)] = 32,
    seed: Annotated[int, typer.Option()] = 0,
    workers: Annotated[int, typer.Option(help="processes that read; 0 reads in line")] = 0,
    threads: Annotated[int, typer.Option(help="CPU threads of a process")] = 1,
    bf16: Annotated[bool, typer.Option(help="autocast to bfloat16")] = False,
    check_s: Annotated[float, typer.Option(help="seconds between evaluations")] = 240.0,
) -> None:
    """Train, or go on training, a vocoder; `torchrun` for several GPUs."""
    if start:
        check_file(start, "best.pt of a vocoder", "give the one of a run of `fit-vocoder`")
    import torch

    from ..vocoder_files import open_vocoder
    from .config import Schedule
    from .runner import Place
    from .running import run
    from .vocoder import SIZES, VocoderConfig, VocoderTrainer
    from .vocoder_batches import open_speech

    torch.set_num_threads(threads)
    begun = open_vocoder(start) if start else None
    if begun and channels:
        raise typer.BadParameter("the vocoder that is given has its own sizes: leave --channels")
    dims = begun.dims if begun else _widened(SIZES[size], channels)
    config = VocoderConfig(
        dims=dims,
        schedule=Schedule(steps=steps, minutes=minutes, batch=batch, rate=rate),
        seed=seed, workers=workers, check_s=check_s, bf16=bf16,
        segment=segment, adversary_from=adversary_from, share=share, scales=scales,
    )  # fmt: skip
    speech = open_speech(data, dims.mel.rate, cache)
    trainer = VocoderTrainer(config, speech, out, Place.find(), begun)
    trainer.resume()
    run(trainer)


def _widened(dims: "AnyDims", channels: int | None) -> "AnyDims":
    from ..vocos import VocosDims

    if not channels:
        return dims
    if isinstance(dims, VocosDims):
        return replace(dims, width=channels)
    return replace(dims, channels=channels)


def fit_gentse(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(help="folder with speech, sounds and rir")],
    out: Annotated[Path, typer.Argument(help="folder of this run; resumed if it has a last.pt")],
    size: Annotated[
        Size, typer.Option(help="16 kHz and small, or mel frames of the public vocoders")
    ] = "small",
    width: Annotated[
        int | None, typer.Option(help="of the flow [default: the size's]", min=1)
    ] = None,
    layers: Annotated[
        int | None, typer.Option(help="of the flow [default: the size's]", min=1)
    ] = None,
    distil: Annotated[
        Path | None, typer.Option(help="best.pt of a teacher: train a one-step student of it")
    ] = None,
    teacher_steps: Annotated[int, typer.Option(help="distil: of the teacher", min=1, max=20)] = 10,
    guidance: Annotated[float, typer.Option(help="distil: of the teacher", min=0)] = 0.0,
    start: Annotated[Path | None, typer.Option(help="best.pt to begin with")] = None,
    speaker: Annotated[Path | None, typer.Option(help="Resemblyzer's pretrained.pt")] = None,
    whisper: Annotated[
        str | None, typer.Option(help="name or folder of the Whisper [default: a pack's]")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="words of the speech [default: words.jsonl in it]")
    ] = None,
    text: Annotated[float, typer.Option(help="weight of the words; ablation: 0", min=0)] = 0.1,
    enrolment: Annotated[bool, typer.Option(help="ablation: no enrolment frames")] = True,
    mixture: Annotated[bool, typer.Option(help="the flow hears the mixture's frames too")] = True,
    lora: Annotated[int, typer.Option(help="rank; ablation: 0", min=0)] = 16,
    dropped: Annotated[
        float, typer.Option(help="share without condition, for guidance", min=0, max=1)
    ] = 0.1,
    draws: Annotated[int, typer.Option(help="of noise for each row", min=1)] = 4,
    examples: Annotated[
        int, typer.Option(help="learn so many mixtures by heart; 0: all", min=0)
    ] = 0,
    cache: Annotated[Path, typer.Option(help="decoded audio and embeddings")] = Path("runs/cache"),
    minutes: Annotated[float, typer.Option(help="training time, all sessions together")] = 1e9,
    steps: Annotated[int, typer.Option()] = 1_000_000,
    batch: Annotated[int, typer.Option(help="mixtures a process and step")] = 4,
    rate: Annotated[float, typer.Option(help="learning rate")] = 5e-4,
    seconds: Annotated[
        float, typer.Option(help="length of a mixture, and of a context", min=1.5, max=30)
    ] = 4.0,
    ramp: Annotated[int, typer.Option(help="examples until mixtures are hard", min=0)] = 20_000,
    seed: Annotated[int, typer.Option()] = 0,
    workers: Annotated[int, typer.Option(help="processes that mix; 0 mixes in line")] = 0,
    threads: Annotated[int, typer.Option(help="CPU threads of a process")] = 1,
    bf16: Annotated[bool, typer.Option(help="autocast to bfloat16")] = False,
    check_s: Annotated[float, typer.Option(help="seconds between evaluations")] = 240.0,
) -> None:
    """Train, or go on training, the generative voice model or a student of it."""
    _check_sizes(context, distil, start)
    for given in (distil, start):
        if given:
            check_file(given, "best.pt of a model", "give the one of a run of `fit-gentse`")
    check_whisper(whisper, data, cache)
    check_labels(labels or data / "speech" / LABELS)
    speaker = speaker or data / "speaker.safetensors"
    check_file(speaker, "Resemblyzer's pretrained.pt", "give it with --speaker")
    import torch

    from ..gentse_files import load
    from ..ts_whisper import open_whisper
    from .config import Schedule
    from .gentse import GenConfig, GenTrainer, begin
    from .gentse_student import StudentTrainer
    from .prompt_mixing import MIXING, PromptRecipe
    from .runner import Place
    from .running import run

    torch.set_num_threads(threads)
    place = Place.find()
    folder = whisper_folder(whisper, data, cache)
    recipe = PromptRecipe(
        lengths=(seconds,), group=batch * place.processes, mixing=replace(MIXING, ramp=ramp)
    )
    course = Material(data, speaker, folder, labels, cache).course(recipe, seed, place)
    schedule = Schedule(
        steps=steps, minutes=minutes, batch=batch, rate=rate, clip=1.0, average=0.995, warmup=50
    )
    config = GenConfig(
        schedule=schedule, seed=seed, workers=workers, check_s=check_s, bf16=bf16,
        text=text, dropped=dropped, draws=draws, examples=examples,
    )  # fmt: skip
    if distil:
        trainer: GenTrainer = StudentTrainer(
            config, _noted(load(distil, folder), seconds), course, out, place,
            teacher_steps=teacher_steps, guidance=guidance,
        )  # fmt: skip
    else:
        dims = _dims(size, width, layers, enrolment, mixture, lora)
        net = load(start, folder) if start else begin(dims, open_whisper(folder), course, seed)
        trainer = GenTrainer(config, _noted(net, seconds), course, out, place)
    trainer.resume()
    run(trainer)


def _check_sizes(context: typer.Context, distil: Path | None, start: Path | None) -> None:
    """Raises: BadParameter if a model is given and sizes too, or two models."""
    if distil and start:
        raise typer.BadParameter("a student begins as its teacher: give --distil or --start")
    sources = {name: context.get_parameter_source(name) for name in OWN}
    given = [name for name, source in sources.items() if source and source.name != "DEFAULT"]
    if given and (distil or start):
        raise typer.BadParameter(
            f"the model that is given has its own sizes: leave --{', --'.join(given)}"
        )


def _noted(net: "GenTSE", seconds: float) -> "GenTSE":
    """Its checkpoints say what contexts it was trained on, which an export has to know."""
    net.dims = replace(net.dims, context_s=seconds)
    return net


def _dims(
    size: Size, width: int | None, layers: int | None, enrolment: bool, mixture: bool, lora: int
) -> "GenDims":
    from .gentse import SIZES

    plain = SIZES[size]
    return replace(
        plain,
        width=width or plain.width,
        layers=layers or plain.layers,
        enrolment=plain.enrolment if enrolment else 0,
        mixture=mixture,
        lora=lora,
    )
