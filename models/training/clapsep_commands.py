"""Commands of the full sound model: its cues, captions, training, figures.

Each looks for what it was given before it imports PyTorch, so that what is missing is said at once.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from ..present import check_clap, check_file, check_separator, check_tokenizer
from .choices import Condition, Model, Scheme
from .present import CUES, check_captions, check_cues, check_encoders, check_language_model

if TYPE_CHECKING:
    from ..clapsep import Dims
    from .clap_cues import Told
    from .sounds import CueBank

log = logging.getLogger(__name__)

TELL_S = 10.0


def write_captions(
    model: Annotated[Path, typer.Argument(help="folder of a causal language model")],
    out: Annotated[Path, typer.Argument(help="text file, one caption a line; added to")],
    count: Annotated[int, typer.Option(help="how many in all")] = 20_000,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Let a local language model write captions, for training without paired text."""
    check_language_model(model)
    from .caption_writer import write_captions as write

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("captions", total=count)
        found = write(model, out, count, seed, watch=lambda done: bar.update(task, completed=done))
    typer.echo(f"{found} captions in {out}")


def to_safetensors(
    file: Annotated[Path, typer.Argument(help="best_model.ckpt, or LAION's .pt")],
    out: Annotated[Path, typer.Argument(help="a .safetensors")],
) -> None:
    """Convert published weights once, so that no pickle is read again."""
    check_file(file, "weights to convert")
    from ..clap_files import to_safetensors as convert

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
    cache: Annotated[Path, typer.Option(help="what is embedded already")] = Path("runs/cache"),
    spec_augment: Annotated[bool, typer.Option(help="mask parts of clips")] = True,
    threads: Annotated[int, typer.Option(help="CPU threads")] = 1,
) -> None:
    """Embed training clips and captions with CLAP, once; one that was stopped goes on."""
    check_clap(clap)
    check_tokenizer(tokenizer, "--tokenizer")
    if captions:
        check_captions(captions)
    import torch

    from ..clap_files import open_clap, open_tokenizer
    from .clap_cues import clap_bank, read_captions
    from .runner import Place

    torch.set_num_threads(threads)
    said = read_captions(captions) if captions else []
    words = open_tokenizer(tokenizer)
    with _telling() as tell:
        bank = clap_bank(
            open_clap(clap).to(Place.find().device),
            words,
            data,
            said,
            cache=cache,
            augment=spec_augment,
            tell=tell,
        )
    bank.save(out)
    typer.echo(f"{len(bank.files)} clips, {len(bank.captions)} captions in {out}")


@contextmanager
def _telling() -> "Iterator[Told]":
    """Bars of how much is done; where there is no terminal, a line now and then."""
    console, tasks, said = Console(stderr=True), dict[str, TaskID](), -TELL_S
    with Progress(console=console, disable=not console.is_terminal) as bar:

        def tell(what: str, done: int, total: int, /) -> None:
            nonlocal said
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done)
            now = time.monotonic()
            if not console.is_terminal and (done == total or now - said >= TELL_S):
                said = now
                log.info("%s: %d of %d", what, done, total)

        yield tell


def fit_clapsep(
    data: Annotated[Path, typer.Argument(help="folder with sounds")],
    out: Annotated[Path, typer.Argument(help="folder of this run; resumed if it has a last.pt")],
    cues: Annotated[
        Path | None,
        typer.Option(
            help=".npz of `clap-cues`; reduced: of `fit-cues` [default: DATA/cues/sound.npz]"
        ),
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
    frozen: Annotated[bool, typer.Option(help="ablation: the encoder stays CLAP's")] = False,
    patience: Annotated[
        int, typer.Option(help="checks without a better one until the rate falls")
    ] = 5,
    fall: Annotated[float, typer.Option(help="to what share")] = 0.3,
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
    if reduced == (clap is not None):
        raise typer.BadParameter("give --clap, which the full model begins as, or --reduced")
    if frozen and (reduced or lora):
        raise typer.BadParameter("--frozen goes with --clap, without --lora")
    maker = "fit-cues" if reduced else "clap-cues"
    check_cues(cues := cues or data / CUES, maker)
    if clap:
        check_clap(clap)
    import torch

    from ..clap_files import open_clap
    from ..clapsep import Dims
    from .clapsep import RECIPES, REDUCED, SeparatorConfig, SeparatorTrainer, separation_course
    from .config import Schedule
    from .full_corpus import open_full_corpus
    from .runner import Place
    from .running import run

    torch.set_num_threads(threads)
    dims = REDUCED if reduced else Dims()
    bank = _bank(cues, dims, maker)
    begins = open_clap(clap) if clap else None
    place, plain = Place.find(), RECIPES[scheme]
    recipe = replace(
        plain,
        seconds=dims.seconds,
        condition=condition or plain.condition,
        scatter=plain.scatter if scatter is None else scatter,
        without_negative=without_negative,
        without_positive=without_positive,
    )
    course = separation_course(*open_full_corpus(data, cache, bank), recipe, seed)
    config = SeparatorConfig(
        dims=dims,
        schedule=Schedule(steps=steps, minutes=minutes, batch=batch, rate=rate),
        seed=seed, workers=workers, check_s=check_s, bf16=bf16,
        lora=(0 if reduced or frozen else SeparatorConfig.lora) if lora is None else lora,
        frozen=frozen, patience=patience, fall=fall,
    )  # fmt: skip
    trainer = SeparatorTrainer(config, course, out, place, begins)
    trainer.resume()
    run(trainer)


def _bank(file: Path, dims: "Dims", maker: str) -> "CueBank":
    """Cues that fit a network. Raises: FileNotFoundError, ValueError naming what makes them."""
    from .sounds import CueBank

    bank = CueBank.open(file, maker)
    if bank.width != dims.cue:
        raise ValueError(
            f"wanted cues of {dims.cue} numbers, found {bank.width} in {file}: make them with "
            f"`{maker}`"
        )
    return bank


def evaluate_csv(
    pairs: Annotated[Path, typer.Argument(help="CSV: target,caption,noise,caption")],
    audio: Annotated[Path, typer.Argument(help="folder that its files are named from")],
    weights: Annotated[Path, typer.Argument(help="best_model.ckpt, or a best.pt made here")],
    model: Annotated[Model, typer.Option(help="clapsep or compact")] = "clapsep",
    clap: Annotated[Path | None, typer.Option(help="clapsep: LAION's .pt, or a folder")] = None,
    tokenizer: Annotated[Path | None, typer.Option(help="clapsep: folder of RoBERTa's")] = None,
    cues: Annotated[
        Path | None, typer.Option(help="compact and reduced ones: folder of `fit-cues`")
    ] = None,
    ratio_db: Annotated[float, typer.Option(help="target over noise")] = 0.0,
    seconds: Annotated[float, typer.Option(help="length of a mixture")] = 10.0,
    threads: Annotated[int, typer.Option(help="CPU threads")] = 1,
    out: Annotated[Path | None, typer.Option(help="file for the table")] = None,
    rows: Annotated[Path | None, typer.Option(help="file for each mixture's gains, JSON")] = None,
) -> None:
    """Measure a sound model on a benchmark's list; prints a Markdown table.

    Stopped with Ctrl-C it tells what was measured by then. It runs on a GPU where there is one.
    """
    check_file(pairs, "a list of mixtures, .csv", "docs/clapsep.md says what is in it")
    if model == "clapsep":
        _check_full(weights, clap, tokenizer, cues)
    elif cues is None:
        raise typer.BadParameter("a compact network is asked with --cues, the folder of `fit-cues`")
    else:
        check_encoders(cues)
    import torch

    from ..clapsep import RATE
    from .clapsep_evaluate import asked_of, write_table
    from .pair_lists import read_pairs

    torch.set_num_threads(threads)
    listed = read_pairs(pairs, audio)
    asked = asked_of(model, weights, clap, tokenizer, cues)
    write_table(asked, listed, round(seconds * RATE), ratio_db, out, rows)


def lookahead(
    weights: Annotated[Path, typer.Argument(help="best_model.ckpt, or a best.pt made here")],
    lists: Annotated[Path, typer.Argument(help="folder of lists with their render.py")],
    out: Annotated[Path, typer.Argument(help="the plot, .svg")],
    clap: Annotated[Path | None, typer.Option(help="LAION's .pt, or a folder")] = None,
    tokenizer: Annotated[Path | None, typer.Option(help="folder of RoBERTa's")] = None,
    cues: Annotated[Path | None, typer.Option(help="reduced ones: folder of `fit-cues`")] = None,
    name: Annotated[str, typer.Option(help="of the list")] = "sound_2mix",
    count: Annotated[int, typer.Option(help="mixtures")] = 30,
    hop_s: Annotated[float, typer.Option(help="what a context gives, in seconds")] = 0.5,
) -> None:
    """Draw quality against how much a context hears beyond what it gives."""
    _check_full(weights, clap, tokenizer, cues)
    from .lookahead import draw_lookahead

    draw_lookahead(weights, lists, out, clap, tokenizer, cues, name, count, hop_s)


def _check_full(
    weights: Path, clap: Path | None, tokenizer: Path | None, cues: Path | None
) -> None:
    """Raises: FileNotFoundError, ValueError if `open_full` would."""
    check_separator(weights, clap, tokenizer, ("--clap", "--tokenizer"))
    if clap is None and cues is not None:
        check_encoders(cues)
