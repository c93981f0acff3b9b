"""Commands of the full sound model: its cues, captions, training."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer

from ..clap_files import open_clap, open_tokenizer
from ..clap_files import to_safetensors as convert
from ..clapsep import Dims
from .caption_writer import write_captions as write
from .clap_cues import clap_bank, read_captions
from .clapsep import (
    RECIPES,
    REDUCED,
    Scheme,
    SeparatorConfig,
    SeparatorTrainer,
    separation_course,
)
from .config import Schedule
from .runner import Place
from .running import run
from .sound_mixing import Condition
from .sounds import open_sound_corpus


def write_captions(
    model: Annotated[Path, typer.Argument(help="folder of a causal language model")],
    out: Annotated[Path, typer.Argument(help="text file, one caption a line; added to")],
    count: Annotated[int, typer.Option(help="how many in all")] = 20_000,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Let a local language model write captions, for training without paired text."""
    found = write(model, out, count, seed)
    typer.echo(f"{found} captions in {out}")


def to_safetensors(
    file: Annotated[Path, typer.Argument(help="best_model.ckpt, or LAION's .pt")],
    out: Annotated[Path, typer.Argument(help="a .safetensors")],
) -> None:
    """Convert published weights once, so that no pickle is read again."""
    convert(file, out)
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.0f} MB")


def clap_cues(
    data: Annotated[Path, typer.Argument(help="folder with sounds")],
    out: Annotated[Path, typer.Argument(help="a .npz")],
    clap: Annotated[Path, typer.Option(help="LAION's .pt, or a Hugging Face folder")],
    tokenizer: Annotated[Path | None, typer.Option(help="folder of RoBERTa's")] = None,
    captions: Annotated[
        Path | None, typer.Option(help="one a line [default: made from templates]")
    ] = None,
    threads: Annotated[int, typer.Option(help="CPU threads")] = 1,
) -> None:
    """Embed training clips and captions with CLAP, once."""
    torch.set_num_threads(threads)
    said = read_captions(captions) if captions else []
    words = open_tokenizer(tokenizer)
    bank = clap_bank(open_clap(clap).to(Place.find().device), words, data, said)
    bank.save(out)
    typer.echo(f"{len(bank.files)} clips, {len(bank.captions)} captions in {out}")


def fit_clapsep(
    data: Annotated[Path, typer.Argument(help="folder with sounds and rir")],
    out: Annotated[Path, typer.Argument(help="folder of this run; resumed if it has a last.pt")],
    cues: Annotated[
        Path | None, typer.Option(help=".npz of `clap-cues`; reduced: of `fit-cues`")
    ] = None,
    scheme: Annotated[
        Scheme, typer.Option(help="paper: cues on the line between a clip and its text; unpaired")
    ] = "paper",
    clap: Annotated[Path | None, typer.Option(help="what the encoder begins as")] = None,
    reduced: Annotated[bool, typer.Option(help="a small network, from random weights")] = False,
    condition: Annotated[
        Condition | None, typer.Option(help="ablation: what asks [default: the scheme's]")
    ] = None,
    scatter: Annotated[
        float | None, typer.Option(help="ablation: noise on the cue [default: the scheme's]")
    ] = None,
    without_negative: Annotated[float, typer.Option(help="ablation: share")] = 0.25,
    without_positive: Annotated[float, typer.Option(help="ablation: share")] = 0.25,
    lora: Annotated[
        int | None, typer.Option(help="ablation: rank; 0 learns the encoder [default: 16]")
    ] = None,
    cache: Annotated[Path, typer.Option(help="decoded audio")] = Path("runs/cache"),
    minutes: Annotated[float, typer.Option(help="training time, all sessions together")] = 1e9,
    steps: Annotated[int, typer.Option()] = 1_000_000,
    batch: Annotated[int, typer.Option(help="mixtures a process and step")] = 8,
    rate: Annotated[float, typer.Option(help="learning rate")] = 1e-4,
    seed: Annotated[int, typer.Option()] = 0,
    workers: Annotated[int, typer.Option(help="processes that mix; 0 mixes in line")] = 0,
    threads: Annotated[int, typer.Option(help="CPU threads of a process")] = 1,
    bf16: Annotated[bool, typer.Option(help="autocast to bfloat16")] = False,
    check_s: Annotated[float, typer.Option(help="seconds between evaluations")] = 240.0,
) -> None:
    """Train, or go on training, the full sound model; `torchrun` for several GPUs."""
    torch.set_num_threads(threads)
    if not reduced and clap is None:
        raise typer.BadParameter("the full model begins as CLAP: give --clap, or --reduced")
    place = Place.find()
    dims = REDUCED if reduced else Dims()
    plain = RECIPES[scheme]
    recipe = replace(
        plain,
        seconds=dims.seconds,
        condition=condition or plain.condition,
        scatter=plain.scatter if scatter is None else scatter,
        without_negative=without_negative,
        without_positive=without_positive,
    )
    course = separation_course(*open_sound_corpus(data, cache, cues), recipe, seed)
    config = SeparatorConfig(
        dims=dims,
        schedule=Schedule(steps=steps, minutes=minutes, batch=batch, rate=rate),
        seed=seed, workers=workers, check_s=check_s, bf16=bf16,
        lora=(0 if reduced else SeparatorConfig.lora) if lora is None else lora,
    )  # fmt: skip
    trainer = SeparatorTrainer(config, course, out, place, open_clap(clap) if clap else None)
    trainer.resume()
    run(trainer)
