"""The full sound model measured: on the field's benchmarks, and on lists of rendered mixtures.

A network is asked with the target's caption, with the noise's as what is not wanted, and with
both; measured are SDRi and SI-SDRi, their means and deviations.
"""

import json
from pathlib import Path

import torch
import typer
from rich.console import Console
from rich.progress import track
from torch import Tensor
from torch.nn import functional as F

from ..clapsep import Separator
from .checkpoint import load as load_checkpoint
from .checkpoint import open_network
from .choices import Model
from .clapsep_files import open_full, open_separator
from .cue_files import CueEncoders
from .pair_lists import Asked, Gain, Pair, measure_pairs, table
from .sound_evaluate import Encoders, SoundMeter


class SeparatorMeter(SoundMeter):
    """A full model over lists of mixtures of any length, as `SoundMeter` runs a compact one."""

    def __init__(self, net: Separator, cues: Encoders) -> None:
        self._separator = net
        self._cues = cues

    def extract(self, mixture: Tensor, cues: Tensor) -> Tensor:
        return separate_long(self._separator, mixture, cues)


def sound_meter(weights: Path, cues: CueEncoders) -> SoundMeter:
    """Open whatever network of sounds a checkpoint holds."""
    if weights.suffix == ".pt" and "htsat" in load_checkpoint(weights).get("dims", {}):
        return SeparatorMeter(open_separator(weights), cues)
    return SoundMeter(open_network(weights), cues)


@torch.no_grad()
def separate_long(net: Separator, mixture: Tensor, cues: Tensor) -> Tensor:
    """(T,) and (C, 2 W) -> (C, T): contexts that overlap by half, faded into each other.

    It is computed where the network is, and given where the mixture is.
    """
    came_from, device = mixture.device, net.window.device
    mixture, cues = mixture.to(device), cues.to(device)
    samples, length = net.dims.samples, len(mixture)
    hop = samples // 2
    count = 1 + max(0, -(-(length - samples) // hop))
    padded = F.pad(mixture, (0, samples + (count - 1) * hop - length))
    fade = torch.hann_window(samples, device=mixture.device).clamp(min=1e-3)
    total = padded.new_zeros(len(cues), len(padded))
    weight = torch.zeros_like(padded)
    for start in range(0, count * hop, hop):
        context = padded[None, start : start + samples]
        found = net.extract(context, F.normalize(cues, dim=-1)[None])[0]
        total[:, start : start + samples] += fade * found
        weight[start : start + samples] += fade
    return (total / weight)[:, :length].to(came_from)


def write_table(
    asked: Asked,
    pairs: list[Pair],
    samples: int,
    ratio_db: float,
    out: Path | None,
    rows: Path | None,
) -> None:
    """Measure with a progress bar; print the table, and write it and each row as it comes."""
    console, done = Console(stderr=True), list[dict[str, Gain]]()
    gains = measure_pairs(asked, pairs, samples, ratio_db)
    shown = track(gains, "measuring", len(pairs), console=console, disable=not console.is_terminal)
    if rows is not None:
        rows.write_text("", encoding="utf-8")
    try:
        for pair, row in zip(pairs, shown, strict=True):
            done.append(row)
            if rows is not None:
                told = {way: gain._asdict() for way, gain in row.items()}
                line = {"target": str(pair.target), "noise": str(pair.noise), **told}
                with rows.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
    finally:  # Ctrl-C loses nothing
        if done:
            typer.echo(text := table(done))
            if out is not None:
                out.write_text(text + "\n", encoding="utf-8")


def asked_of(
    model: Model, weights: Path, clap: Path | None, tokenizer: Path | None, cues: Path | None
) -> Asked:
    """Open a model and what makes its cues. Raises: FileNotFoundError, ValueError."""
    if model == "clapsep":
        net, encoders = open_full(weights, clap, tokenizer, cues)
        return Asked(lambda mixture, pair: separate_long(net, mixture, pair), encoders.of_text)
    if cues is None:
        raise ValueError("a compact network is asked with --cues, the folder of `fit-cues`")
    compact = CueEncoders.open(cues)
    return Asked(SoundMeter(open_network(weights), compact).extract, compact.of_text)
