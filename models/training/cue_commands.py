"""The command that trains the cue encoders and embeds what sound training needs."""

from pathlib import Path
from typing import Annotated

import typer

from .present import check_encoders, minilm_folder


def fit_cues(
    data: Annotated[Path, typer.Argument(help="folder with sounds")],
    out: Annotated[Path, typer.Argument(help="folder for the encoders and sound.npz")],
    minilm: Annotated[Path | None, typer.Option(help="folder of all-MiniLM-L6-v2")] = None,
    cache: Annotated[Path, typer.Option(help="mel frames and sentences")] = Path("runs/cache"),
    epochs: Annotated[int, typer.Option(help="of the audio encoder")] = 24,
    rate: Annotated[float, typer.Option(help="its learning rate")] = 2e-3,
    start: Annotated[Path | None, typer.Option(help="folder of an encoder to go on from")] = None,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Train the encoders of cues: words and clips to one space; embed training clips.

    A table of words, and what kinds are like, that `out` has already are kept.
    """
    if start is not None:
        check_encoders(start)
    teacher = minilm_folder(minilm)
    from .cue_fitting import fit_encoders

    figures = fit_encoders(data, out, teacher, cache, epochs, rate, start, seed)
    typer.echo("\n".join(f"{name}: {figure}" for name, figure in figures.items()))
