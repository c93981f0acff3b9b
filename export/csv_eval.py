"""The field's benchmarks with a bundle of sounds as the live engine runs it.

    python -m tap_live.export.csv_eval pairs.csv AUDIO                 the network that ships
    python -m tap_live.export.csv_eval pairs.csv AUDIO --bundle FOLDER

Lists and figures are those of `tap_live.models.training evaluate-csv`, which takes checkpoints.
"""

from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor

from tap_live.catalogue import BUNDLES
from tap_live.errors import CueError, TapError
from tap_live.export.product import BundleSounds, ShippedCues
from tap_live.extractors.network import Network
from tap_live.models.clapsep import RATE
from tap_live.models.training.clapsep_evaluate import write_table
from tap_live.models.training.pair_lists import Asked, read_pairs
from tap_live.models.training.plain_errors import plainly


def asked_of(bundle: Path) -> Asked:
    """A compact network of sounds, asked in words. Raises: BundleError if it is none."""
    cues = ShippedCues()
    sounds = BundleSounds(Network.open(bundle), cues, live=True)

    def embed(text: str) -> Tensor:
        try:
            return cues.of_text(text)
        except CueError as error:  # a list's value, and said as one
            raise ValueError(f"caption: {error}") from error

    return Asked(sounds.extract, embed)


def main(
    pairs: Annotated[Path, typer.Argument(help="CSV: target,caption,noise,caption")],
    audio: Annotated[Path, typer.Argument(help="folder that its files are named from")],
    bundle: Annotated[Path, typer.Option(help="of sounds")] = BUNDLES / "sound-compact",
    ratio_db: Annotated[float, typer.Option(help="target over noise")] = 0.0,
    seconds: Annotated[float, typer.Option(help="length of a mixture")] = 10.0,
    out: Annotated[Path | None, typer.Option(help="file for the table")] = None,
    rows: Annotated[Path | None, typer.Option(help="file for each mixture's gains, JSON")] = None,
) -> None:
    """Measure a bundle on a benchmark's list; prints a Markdown table."""
    torch.set_num_threads(1)
    listed = read_pairs(pairs, audio)
    write_table(asked_of(bundle), listed, round(seconds * RATE), ratio_db, out, rows)


if __name__ == "__main__":
    plainly(lambda: typer.run(main), TapError)
