"""The training commands; `torchrun -m tap_live.models.training fit ...` uses several processes."""

import json
import logging
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.progress import Progress

from ..compact import Dims
from ..speaker import SpeakerEncoder
from .checkpoint import load, open_network, write_half
from .config import Schedule, TrainConfig
from .corpus import open_corpus
from .evaluate import (
    HEADING,
    NAMES_HEADING,
    Case,
    VoiceMeter,
    by_name,
    dnsmos,
    measure_list,
    open_render,
    summarise,
)
from .mixing import Recipe
from .pack import CUES_SHARE, MIB, add_cues, folder_size
from .pack import pack as write_pack
from .plot import bars, curves
from .trainer import Place, Trainer

DEFAULT_LISTS = "voice_2mix,voice_noisy,voice_partial,voice_absent"

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def main() -> None:
    """Train and measure the compact extractors."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")


@app.command()
def fit(
    data: Annotated[Path, typer.Argument(help="folder with speech, sounds and rir")],
    out: Annotated[Path, typer.Argument(help="folder of this run; resumed if it has a last.pt")],
    speaker: Annotated[Path | None, typer.Option(help="Resemblyzer's pretrained.pt")] = None,
    cache: Annotated[Path, typer.Option(help="decoded audio and embeddings")] = Path("runs/cache"),
    start: Annotated[Path | None, typer.Option(help="best.pt to begin with")] = None,
    minutes: Annotated[float, typer.Option(help="training time, all sessions together")] = 1e9,
    steps: Annotated[int, typer.Option()] = 1_000_000,
    batch: Annotated[int, typer.Option(help="mixtures a process and step")] = 8,
    rate: Annotated[float, typer.Option(help="learning rate")] = 1e-3,
    seconds: Annotated[float, typer.Option(help="length of a mixture")] = 2.5,
    ramp: Annotated[int, typer.Option(help="examples until mixtures are hard")] = Recipe.ramp,
    band_width: Annotated[int, typer.Option()] = Dims.band_width,
    full_width: Annotated[int, typer.Option()] = Dims.full_width,
    blocks: Annotated[int, typer.Option()] = Dims.blocks,
    seed: Annotated[int, typer.Option()] = 0,
    workers: Annotated[int, typer.Option(help="processes that mix; 0 mixes in line")] = 0,
    threads: Annotated[int, typer.Option(help="CPU threads of a process")] = 1,
    bf16: Annotated[bool, typer.Option(help="autocast to bfloat16")] = False,
    check_s: Annotated[float, typer.Option(help="seconds between evaluations")] = 240.0,
    compile: Annotated[bool, typer.Option(help="torch.compile")] = False,
) -> None:
    """Train, or go on training, a voice extractor."""
    torch.set_num_threads(threads)
    place = Place.find()
    encoder = SpeakerEncoder.open(speaker or data / "speaker.safetensors")
    corpus = open_corpus(data, encoder.to(place.device), cache)
    config = TrainConfig(
        dims=Dims(band_width=band_width, full_width=full_width, blocks=blocks),
        recipe=Recipe(seconds=seconds, ramp=ramp),
        schedule=Schedule(steps=steps, minutes=minutes, batch=batch, rate=rate),
        seed=seed,
        workers=workers,
        check_s=check_s,
        bf16=bf16,
        compile=compile,
    )
    trainer = Trainer(config, corpus, out, place)
    if not trainer.resume() and start is not None:
        trainer.warm_start(start)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: setattr(trainer, "stopping", True))
    with Progress(disable=place.rank > 0 or not sys.stderr.isatty()) as bar:
        task = bar.add_task("training", total=1.0)
        trainer.run(lambda done: bar.update(task, completed=done))
    if place.processes > 1:
        torch.distributed.destroy_process_group()


@app.command()
def evaluate(
    weights: Annotated[Path, typer.Argument(help="best.pt, or a .safetensors with its .json")],
    lists: Annotated[Path, typer.Argument(help="folder of lists with their render.py")],
    speaker: Annotated[Path, typer.Option(help="pretrained.pt or speaker.safetensors")],
    names: Annotated[str, typer.Option(help="lists, with commas")] = DEFAULT_LISTS,
    mos: Annotated[bool, typer.Option(help="rate speech with DNSMOS; slow")] = False,
    out: Annotated[Path | None, typer.Option(help="folder for the table, cases and plots")] = None,
) -> None:
    """Measure a voice extractor on lists of mixtures; prints a Markdown table."""
    torch.set_num_threads(1)
    rater = dnsmos if mos else None
    meter = VoiceMeter(open_network(weights), SpeakerEncoder.open(speaker), rater)
    render = open_render(lists)
    cases = {name: list(measure_list(meter, render, name)) for name in names.split(",")}
    table = [HEADING] + [line for name, its in cases.items() for line in summarise(name, its)]
    typer.echo("\n".join(table))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name, its in cases.items():
            if lines := by_name(its):
                table += ["", NAMES_HEADING.format(list=name), *lines]
        (out / "evaluation.md").write_text("\n".join(table) + "\n")
        _write_cases(cases, out)


def _write_cases(cases: dict[str, list[Case]], out: Path) -> None:
    rows = [json.dumps({"list": name, **asdict(case)}) for name in cases for case in cases[name]]
    (out / "cases.jsonl").write_text("\n".join(rows) + "\n")
    for name, its in cases.items():
        gains = [case.gain for case in its if case.gain is not None]
        if gains:
            (out / f"{name}.svg").write_text(bars(name, "SI-SDR improvement, dB", gains, width=1.0))


@app.command()
def curve(
    run: Annotated[Path, typer.Argument(help="folder of a run")],
    out: Annotated[Path | None, typer.Option(help="default: curve.svg in that folder")] = None,
) -> None:
    """Draw how a run went, from its log.jsonl."""
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    lines = {
        "held-out gain, dB": [row["gain_db"] for row in rows],
        "held-out leak, dB": [row["leak_db"] for row in rows],
        "training loss": [row["loss"] for row in rows],
    }
    drawing = curves(run.name, "step", [row["step"] for row in rows], lines)
    (out or run / "curve.svg").write_text(drawing)


@app.command()
def half(
    weights: Annotated[Path, typer.Argument(help="best.pt")],
    out: Annotated[Path, typer.Argument(help="a .safetensors; its .json lies beside")],
) -> None:
    """Write a checkpoint's weights in fp16, with dims and held-out figures beside them."""
    write_half(open_network(weights), out, {"figures": load(weights)["figures"]})


@app.command()
def pack(
    data: Annotated[Path, typer.Argument(help="folder with speech, sounds and rir")],
    out: Annotated[Path, typer.Argument(help="an empty or new folder")],
    speaker: Annotated[Path, typer.Option(help="Resemblyzer's pretrained.pt")],
    mib: Annotated[float, typer.Option(help="the most that the pack may take")] = 30.0,
    embed: Annotated[bool, typer.Option(help="add the embeddings of enrolments")] = True,
) -> None:
    """Gather what training needs into a small folder, to train elsewhere from it alone."""
    encoder = SpeakerEncoder.open(speaker)
    limit = mib * MIB
    write_pack(data, out, encoder, int(limit * (1 - CUES_SHARE) if embed else limit))
    if embed:
        torch.set_num_threads(1)
        add_cues(out, encoder)
    typer.echo(f"{folder_size(out) / MIB:.1f} MiB in {out}")
