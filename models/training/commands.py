"""The training commands; `torchrun -m tap_live.models.training fit ...` uses several processes."""

import logging
import signal
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer

from ..compact import Dims
from ..speaker import SpeakerEncoder
from .config import Schedule, TrainConfig
from .corpus import open_corpus
from .mixing import Recipe
from .trainer import Place, Trainer

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)

Folder = Annotated[Path, typer.Argument(exists=True, file_okay=False)]


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
    band_width: Annotated[int, typer.Option()] = Dims.band_width,
    full_width: Annotated[int, typer.Option()] = Dims.full_width,
    blocks: Annotated[int, typer.Option()] = Dims.blocks,
    seed: Annotated[int, typer.Option()] = 0,
    workers: Annotated[int, typer.Option(help="processes that mix; 0 mixes in line")] = 0,
    threads: Annotated[int, typer.Option(help="CPU threads of a process")] = 1,
    compile: Annotated[bool, typer.Option(help="torch.compile")] = False,
) -> None:
    """Train, or go on training, a voice extractor."""
    torch.set_num_threads(threads)
    place = Place.find()
    encoder = SpeakerEncoder.open(speaker or data / "speaker.safetensors")
    corpus = open_corpus(data, encoder, cache)
    config = TrainConfig(
        dims=Dims(band_width=band_width, full_width=full_width, blocks=blocks),
        recipe=replace(Recipe(), seconds=seconds),
        schedule=Schedule(steps=steps, minutes=minutes, batch=batch, rate=rate),
        seed=seed,
        workers=workers,
        compile=compile,
    )
    trainer = Trainer(config, corpus, out, place)
    if not trainer.resume() and start is not None:
        trainer.warm_start(start)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: setattr(trainer, "stopping", True))
    trainer.run()
