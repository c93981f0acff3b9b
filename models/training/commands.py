"""The training commands; `torchrun -m tap_live.models.training fit ...` uses several processes.

Each looks for what it was given before it imports PyTorch, which takes seconds.
"""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..present import check_file
from .choices import DEFAULT_LISTS, Condition, Trained
from .clapsep_commands import (
    clap_cues,
    evaluate_csv,
    fit_clapsep,
    lookahead,
    to_safetensors,
    write_captions,
)
from .cue_commands import fit_cues
from .gentse_commands import fit_gentse, fit_vocoder
from .present import CUES, check_cues, check_encoders
from .whisper_files import check_whisper, whisper_folder

if TYPE_CHECKING:
    from .evaluate import Case

SPEAKER = "speaker.safetensors"  # of a pack
RESEMBLYZER = ("Resemblyzer's pretrained.pt", "give it with --speaker")

CURVES = {
    "gain_db": "held-out gain, dB",
    "leak_db": "held-out leak, dB",
    "heard": "held-out, as Whisper hears it",
    "said": "held-out words, nats a token",
    "said_mixture": "plain Whisper, what is heard",
    "said_alone": "plain Whisper, voice alone",
    "mel": "held-out mel frames, nats",
    "mel_mixture": "the mixture's, nats",
    "loss": "training loss",
}

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
app.command()(fit_cues)
for command in (
    to_safetensors, write_captions, clap_cues, fit_clapsep, evaluate_csv, lookahead,
    fit_vocoder, fit_gentse,
):  # fmt: skip
    app.command()(command)


@app.callback()
def main() -> None:
    """Train and measure the compact extractors."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")


@app.command()
def fit(
    data: Annotated[Path, typer.Argument(help="folder with speech, sounds and rir")],
    out: Annotated[Path, typer.Argument(help="folder of this run; resumed if it has a last.pt")],
    kind: Annotated[Trained, typer.Option(help="voice, sound or prompts")] = "voice",
    speaker: Annotated[
        Path | None, typer.Option(help="voice, prompts: Resemblyzer's pretrained.pt")
    ] = None,
    cues: Annotated[Path | None, typer.Option(help="sound: sound.npz of `fit-cues`")] = None,
    whisper: Annotated[
        str | None,
        typer.Option(help="prompts, --heard: name or folder of the Whisper [default: a pack's]"),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="prompts: words of the speech [default: words.jsonl in it]")
    ] = None,
    extractor: Annotated[
        Path | None, typer.Option(help="prompts for --captions both: best.pt to put in front")
    ] = None,
    lora: Annotated[int, typer.Option(help="prompts: rank of LoRA instead, to compare")] = 0,
    whole: Annotated[float, typer.Option(help="prompts: share in 30 s of context, not 10")] = 0.0,
    condition: Annotated[Condition, typer.Option(help="sound: what asks for a clip")] = "retrieved",
    audio_rate: Annotated[
        int, typer.Option(help="sound: Hz of the mixtures; at 16000 it hears up to 8 kHz, sooner")
    ] = 32_000,
    cache: Annotated[Path, typer.Option(help="decoded audio and embeddings")] = Path("runs/cache"),
    start: Annotated[
        Path | None, typer.Option(help="best.pt to begin with; prompts: or a bundle's file")
    ] = None,
    minutes: Annotated[float, typer.Option(help="training time, all sessions together")] = 1e9,
    steps: Annotated[int, typer.Option()] = 1_000_000,
    batch: Annotated[int, typer.Option(help="mixtures a process and step")] = 8,
    rate: Annotated[float, typer.Option(help="learning rate")] = 1e-3,
    seconds: Annotated[float, typer.Option(help="length of a mixture")] = 2.5,
    ramp: Annotated[int, typer.Option(help="examples until mixtures are hard")] = 20_000,
    absent: Annotated[
        float, typer.Option(help="weight of a decibel let through where the target is absent")
    ] = 0.5,
    heard: Annotated[
        float, typer.Option(help="voice: weight of how differently --whisper hears the voice")
    ] = 0.0,
    band_width: Annotated[int, typer.Option()] = 48,
    full_width: Annotated[int, typer.Option()] = 128,
    past_hops: Annotated[
        int, typer.Option(help="hops back over which thirds of a bin are told apart; 6 is 0.1 s")
    ] = 0,
    beside: Annotated[
        float, typer.Option(help="share of cues that say what is heard beside it; for recordings")
    ] = 0.0,
    future: Annotated[
        bool, typer.Option("--future", help="hear what follows too: for recordings only")
    ] = False,
    blocks: Annotated[int, typer.Option()] = 3,
    seed: Annotated[int, typer.Option()] = 0,
    workers: Annotated[int, typer.Option(help="processes that mix; 0 mixes in line")] = 0,
    threads: Annotated[int, typer.Option(help="CPU threads of a process")] = 1,
    bf16: Annotated[bool, typer.Option(help="autocast to bfloat16")] = False,
    check_s: Annotated[float, typer.Option(help="seconds between evaluations")] = 240.0,
    compile: Annotated[bool, typer.Option(help="torch.compile")] = False,
) -> None:
    """Train, or go on training, an extractor of voices or of sounds, or prompts for Whisper."""
    if kind == "sound":
        check_cues(cues or data / CUES)
    else:
        check_file(speaker := speaker or data / SPEAKER, *RESEMBLYZER)
    if extractor is not None:
        if kind != "prompts":
            raise typer.BadParameter("--extractor is about prompts: leave it out")
        check_file(extractor, "best.pt of an extractor", "give that of a run of `fit`")
    if heard and kind != "voice":
        raise typer.BadParameter("--heard is about voices: leave it out")
    if beside and kind == "prompts":
        raise typer.BadParameter("--beside is about extractors: leave it out")
    if future and kind == "prompts":
        raise typer.BadParameter("--future is about extractors: leave it out")
    if kind == "prompts" or heard:
        check_whisper(whisper, data, cache)
    import torch

    from ..compact import Dims
    from ..cues import WIDTH
    from ..speaker import WIDTH as EMBEDDING
    from ..speaker import SpeakerEncoder
    from ..ts_whisper import open_whisper
    from .config import Schedule, TrainConfig
    from .corpus import open_corpus, voice_course
    from .heard import Heard
    from .mixing import Recipe
    from .prompt_commands import PromptFiles, prompt_schedule, prompt_trainer
    from .prompt_mixing import MIXING, PromptRecipe
    from .prompts import PromptConfig
    from .runner import Place
    from .running import run
    from .sound_mixing import SoundRecipe, sound_course
    from .sounds import BANDS, open_sound_corpus
    from .trainer import Trainer

    torch.set_num_threads(threads)
    place = Place.find()
    if kind == "prompts":
        prompting = PromptConfig(
            schedule=prompt_schedule(steps, minutes, batch, rate),
            seed=seed, workers=workers, check_s=check_s, bf16=bf16, compile=compile,
            lora=lora, whole=whole, check_cases=16 if place.device.type == "cpu" else 96,
        )  # fmt: skip
        prompts = prompt_trainer(
            PromptFiles(data, cache, whisper, labels, extractor),
            SpeakerEncoder.open(speaker or data / SPEAKER),
            prompting,
            PromptRecipe(group=batch * place.processes, mixing=replace(MIXING, ramp=ramp)),
            out,
            place,
        )
        if not prompts.resume() and start is not None:
            prompts.warm_start(start)
        run(prompts)
        return
    dims = Dims(
        band_width=band_width, full_width=full_width, blocks=blocks, past_hops=past_hops,
        future=future, cue=EMBEDDING * (2 if beside else 1),
    )  # fmt: skip
    if kind == "sound":
        if audio_rate not in BANDS:
            raise typer.BadParameter(f"wanted --audio-rate {' or '.join(map(str, BANDS))}")
        dims = replace(dims, kind=kind, cue=2 * WIDTH, bands=BANDS[audio_rate])
        sounds = open_sound_corpus(data, cache, cues, rate=audio_rate)
        recipe = SoundRecipe(seconds=seconds, ramp=ramp, condition=condition, beside=beside)
        course = sound_course(*sounds, recipe, seed)
    else:
        encoder = SpeakerEncoder.open(speaker or data / SPEAKER)
        corpus = open_corpus(data, encoder.to(place.device), cache)
        course = voice_course(corpus, Recipe(seconds=seconds, ramp=ramp, beside=beside), seed)
    config = TrainConfig(
        dims=dims,
        absent=absent,
        heard=heard,
        schedule=Schedule(steps=steps, minutes=minutes, batch=batch, rate=rate),
        seed=seed,
        workers=workers,
        check_s=check_s,
        bf16=bf16,
        compile=compile,
    )
    listening = Heard(open_whisper(whisper_folder(whisper, data, cache))) if heard else None
    trainer = Trainer(config, course, out, place, listening)
    if not trainer.resume() and start is not None:
        trainer.warm_start(start)
    run(trainer)


@app.command()
def evaluate(
    weights: Annotated[Path, typer.Argument(help="best.pt, or a .safetensors with its .json")],
    lists: Annotated[Path, typer.Argument(help="folder of lists with their render.py")],
    speaker: Annotated[Path | None, typer.Option(help="pretrained.pt, safetensors")] = None,
    cues: Annotated[Path | None, typer.Option(help="for sounds: folder of `fit-cues`")] = None,
    names: Annotated[str, typer.Option(help="lists, with commas; all of its kind")] = "",
    mos: Annotated[bool, typer.Option(help="rate speech with DNSMOS; slow")] = False,
    out: Annotated[Path | None, typer.Option(help="folder for the table, cases and plots")] = None,
) -> None:
    """Measure an extractor on lists of mixtures; prints a Markdown table."""
    check_file(weights, "best.pt, or a .safetensors", "give those of a run of `fit`")
    if cues is not None:
        check_encoders(cues)
    elif speaker is not None:
        check_file(speaker, *RESEMBLYZER)
    else:
        raise typer.BadParameter("give --speaker for a voice extractor, --cues for one of sounds")
    import torch

    from ..speaker import SpeakerEncoder
    from .checkpoint import open_network
    from .clapsep_evaluate import sound_meter
    from .cue_files import CueEncoders
    from .dnsmos import dnsmos
    from .evaluate import VoiceMeter, measure_list, open_render
    from .evaluate_report import by_name, draw, table, write_cases
    from .sound_evaluate import measure_sounds

    torch.set_num_threads(1)
    render = open_render(lists)
    cases: dict[str, list[Case]] = {}
    if cues is not None:
        sounds = sound_meter(weights, CueEncoders.open(cues))
        for name in (names or DEFAULT_LISTS["sound"]).split(","):
            cases |= measure_sounds(sounds, render, name)
    else:
        assert speaker is not None
        voices = VoiceMeter(
            open_network(weights), SpeakerEncoder.open(speaker), dnsmos if mos else None
        )
        for name in (names or DEFAULT_LISTS["voice"]).split(","):
            cases[name] = list(measure_list(voices, render, name))
    lines = table(cases)
    typer.echo("\n".join(lines))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "evaluation.md").write_text("\n".join([*lines, *by_name(cases)]) + "\n")
        write_cases(cases, out / "cases.jsonl")
        draw(cases, out)


@app.command()
def curve(
    run: Annotated[Path, typer.Argument(help="folder of a run")],
    out: Annotated[Path | None, typer.Option(help="default: curve.svg in that folder")] = None,
    only: Annotated[
        str | None, typer.Option(help="figures of the log, with commas [default: all known]")
    ] = None,
) -> None:
    """Draw how a run went, from its log.jsonl."""
    from .plot import curves

    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    told = set.intersection(*(set(row) for row in rows))
    chosen = [key for key in (only.split(",") if only else CURVES) if key in told]
    if not chosen:
        raise typer.BadParameter(f"wanted some of {', '.join(sorted(told))}, found {only}")
    lines = {CURVES.get(key, key): [row[key] for row in rows] for key in chosen}
    drawing = curves(run.name, "step", [row["step"] for row in rows], lines)
    (out or run / "curve.svg").write_text(drawing)


@app.command()
def average(
    weights: Annotated[list[Path], typer.Argument(help="best.pt of runs, one begun with another")],
    out: Annotated[Path, typer.Option(help="a best.pt")],
) -> None:
    """Write the mean of several networks, which is often better than each of them."""
    for file in weights:
        check_file(file, "best.pt", "give those of runs of `fit`")
    from .checkpoint import write_average

    write_average(weights, out)


@app.command()
def half(
    weights: Annotated[Path, typer.Argument(help="best.pt")],
    out: Annotated[Path, typer.Argument(help="a .safetensors; its .json lies beside")],
) -> None:
    """Write a checkpoint's weights in fp16, with dims and held-out figures beside them."""
    check_file(weights, "best.pt", "give that of a run of `fit`")
    from .checkpoint import load, open_network, write_half

    write_half(open_network(weights), out, {"figures": load(weights)["figures"]})


@app.command()
def pack(
    data: Annotated[Path, typer.Argument(help="folder with speech, sounds and rir")],
    out: Annotated[Path, typer.Argument(help="an empty or new folder")],
    kind: Annotated[Trained, typer.Option(help="voice, sound or prompts")] = "voice",
    speaker: Annotated[
        Path | None, typer.Option(help="voice, prompts: Resemblyzer's pretrained.pt")
    ] = None,
    cues: Annotated[Path | None, typer.Option(help="sound: sound.npz of `fit-cues`")] = None,
    whisper: Annotated[
        str | None, typer.Option(help="prompts: name or folder of the Whisper, which comes along")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="prompts: words of the speech [default: words.jsonl in it]")
    ] = None,
    cache: Annotated[Path, typer.Option(help="prompts: weights put together")] = Path("runs/cache"),
    mib: Annotated[float, typer.Option(help="the most that the pack may take")] = 30.0,
    embed: Annotated[bool, typer.Option(help="add the embeddings of enrolments")] = True,
) -> None:
    """Gather what training needs into a small folder, to train elsewhere from it alone."""
    if kind == "sound":
        check_cues(cues or data / CUES)
    elif speaker is None:
        raise typer.BadParameter("give --speaker to pack voices")
    else:
        check_file(speaker, *RESEMBLYZER)
    if kind == "prompts":
        check_whisper(whisper, data, cache)
    import torch

    from ..speaker import SpeakerEncoder
    from .pack import CUES_SHARE, MIB, add_cues, folder_size
    from .pack import pack as write_pack
    from .prompt_pack import pack_prompts
    from .sound_pack import pack_sounds

    limit = mib * MIB
    if kind == "sound":
        pack_sounds(data, cues or data / CUES, out, int(limit))
        typer.echo(f"{folder_size(out) / MIB:.1f} MiB in {out}")
        return
    assert speaker is not None
    encoder = SpeakerEncoder.open(speaker)
    if kind == "prompts":
        torch.set_num_threads(1)
        folder = whisper_folder(whisper, data, cache)
        pack_prompts(data, labels, folder, out, encoder, int(limit))
        typer.echo(f"{folder_size(out) / MIB:.1f} MiB in {out}")
        return
    write_pack(data, out, encoder, int(limit * (1 - CUES_SHARE) if embed else limit))
    if embed:
        torch.set_num_threads(1)
        add_cues(out, encoder)
    typer.echo(f"{folder_size(out) / MIB:.1f} MiB in {out}")
