"""Commands of the generative voice model: its vocoder, itself, its student."""

from pathlib import Path
from typing import Annotated, Literal

import torch
import typer

from .config import Schedule
from .runner import Place
from .running import run
from .vocoder import PUBLIC, SMALL, VocoderConfig, VocoderTrainer, open_speech

VOCODERS = {"small": SMALL, "public": PUBLIC}


def fit_vocoder(
    data: Annotated[Path, typer.Argument(help="folder with speech")],
    out: Annotated[Path, typer.Argument(help="folder of this run; resumed if it has a last.pt")],
    size: Annotated[
        Literal["small", "public"], typer.Option(help="16 kHz, or as the universal checkpoint")
    ] = "small",
    adversary_from: Annotated[
        int, typer.Option(help="step from which discriminators are heard")
    ] = VocoderConfig.adversary_from,
    share: Annotated[float, typer.Option(help="of the discriminators' published widths")] = 1.0,
    cache: Annotated[Path, typer.Option(help="decoded audio")] = Path("runs/cache"),
    minutes: Annotated[float, typer.Option(help="training time, all sessions together")] = 1e9,
    steps: Annotated[int, typer.Option()] = 1_000_000,
    batch: Annotated[int, typer.Option(help="segments a process and step")] = 16,
    rate: Annotated[float, typer.Option(help="learning rate")] = 5e-4,
    segment: Annotated[int, typer.Option(help="mel frames of an example")] = VocoderConfig.segment,
    seed: Annotated[int, typer.Option()] = 0,
    workers: Annotated[int, typer.Option(help="processes that read; 0 reads in line")] = 0,
    threads: Annotated[int, typer.Option(help="CPU threads of a process")] = 1,
    bf16: Annotated[bool, typer.Option(help="autocast to bfloat16")] = False,
    check_s: Annotated[float, typer.Option(help="seconds between evaluations")] = 240.0,
) -> None:
    """Train, or go on training, a vocoder; `torchrun` for several GPUs."""
    torch.set_num_threads(threads)
    dims = VOCODERS[size]
    config = VocoderConfig(
        dims=dims,
        schedule=Schedule(steps=steps, minutes=minutes, batch=batch, rate=rate),
        seed=seed, workers=workers, check_s=check_s, bf16=bf16,
        segment=segment, adversary_from=adversary_from, share=share,
    )  # fmt: skip
    trainer = VocoderTrainer(config, open_speech(data, dims.mel.rate, cache), out, Place.find())
    trainer.resume()
    run(trainer)
