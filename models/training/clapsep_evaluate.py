"""The field's benchmarks: mixtures listed in a CSV file, asked for by their captions.

A row is `target,caption,noise,caption`: two files, each with what is to be heard in it. They
are brought to the length of a context and mixed at a given ratio. A network is asked with the
target's caption, with the noise's as what is not wanted, and with both; measured are SDRi
and SI-SDRi, their means and deviations.
"""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import torch
import typer
from torch import Tensor
from torch.nn import functional as F

from ..clapsep import RATE, Separator, load
from ..losses import sdr, si_sdr
from .augment import Audio, fit
from .checkpoint import load as load_checkpoint
from .checkpoint import open_network
from .clapsep_files import open_separator
from .cue_files import CueEncoders
from .sound_evaluate import SoundMeter
from .store import load as read_audio

Model = Literal["clapsep", "compact"]
Separate = Callable[[Tensor, Tensor], Tensor]
"""(T,) mixture and (C, 2 W) cues -> (C, T)."""

WAYS = (("positive", True, False), ("negative", False, True), ("both", True, True))


class Pair(NamedTuple):
    """One row of a list."""

    target: Path
    caption: str
    noise: Path
    noise_caption: str


class Asked(NamedTuple):
    """A network and how its cues are made of words."""

    separate: Separate
    embed: Callable[[str], Tensor]


class Gain(NamedTuple):
    """Improvements over the mixture, dB."""

    sdr: float
    si_sdr: float


def read_pairs(file: Path, audio: Path) -> list[Pair]:
    """Read a list; files are named from `audio`. A first row of names is left out.

    Raises: ValueError naming the row that is none; FileNotFoundError naming the file.
    """
    pairs = []
    with file.open(newline="", encoding="utf-8") as lines:
        for number, row in enumerate(csv.reader(lines), 1):
            if not row or (number == 1 and not (audio / row[0]).is_file()):
                continue
            if len(row) != 4:
                raise ValueError(
                    f"row {number} of {file}: wanted target,caption,noise,caption, found {row}"
                )
            pair = Pair(audio / row[0].strip(), row[1], audio / row[2].strip(), row[3])
            for path in (pair.target, pair.noise):
                if not path.is_file():
                    raise FileNotFoundError(f"row {number} of {file} names {path}: it is not there")
            pairs.append(pair)
    if not pairs:
        raise ValueError(f"wanted rows of target,caption,noise,caption, found none in {file}")
    return pairs


def mixed(pair: Pair, samples: int, ratio_db: float) -> tuple[Tensor, Tensor]:
    """The mixture and its target, (T,) at 32 kHz: target over noise at a ratio of energies."""
    target, noise = (_fitted(path, samples) for path in (pair.target, pair.noise))
    energies = [float(np.square(part).sum()) + 1e-9 for part in (target, noise)]
    noise = noise * np.float32(np.sqrt(energies[0] / energies[1]) * 10 ** (-ratio_db / 20))
    loudest = max(1.0, float(np.abs(target + noise).max()))
    return torch.from_numpy((target + noise) / loudest), torch.from_numpy(target / loudest)


def measure_pairs(
    asked: Asked, pairs: list[Pair], samples: int, ratio_db: float = 0.0
) -> Iterator[dict[str, Gain]]:
    """Ask about each mixture in every way."""
    for pair in pairs:
        mixture, target = mixed(pair, samples, ratio_db)
        sides = [asked.embed(text) for text in (pair.caption, pair.noise_caption)]
        cues = [torch.cat([sides[0] * given, sides[1] * not_given]) for _, given, not_given in WAYS]
        found = asked.separate(mixture, torch.stack(cues))
        yield {
            way: Gain(
                float(sdr(estimate, target) - sdr(mixture, target)),
                float(si_sdr(estimate, target) - si_sdr(mixture, target)),
            )
            for (way, _, _), estimate in zip(WAYS, found, strict=True)
        }


def table(rows: list[dict[str, Gain]]) -> str:
    """Means and deviations as Markdown."""
    lines = ["| asked by | mixtures | SDRi, dB | SI-SDRi, dB |", "|---|---|---|---|"]
    for way, _, _ in WAYS:
        gains = np.array([row[way] for row in rows])
        mean, deviation = gains.mean(axis=0), gains.std(axis=0)
        told = [f"{m:.2f} ± {d:.2f}" for m, d in zip(mean, deviation, strict=True)]
        lines.append(f"| {way} | {len(rows)} | {told[0]} | {told[1]} |")
    return "\n".join(lines)


class SeparatorMeter(SoundMeter):
    """A full model over lists of mixtures of any length, as `SoundMeter` runs a compact one."""

    def __init__(self, net: Separator, cues: CueEncoders) -> None:
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
    """(T,) and (C, 2 W) -> (C, T): contexts that overlap by half, faded into each other."""
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
    return (total / weight)[:, :length]


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
    out: Annotated[Path | None, typer.Option(help="file for the table")] = None,
) -> None:
    """Measure a sound model on a benchmark's list; prints a Markdown table."""
    torch.set_num_threads(1)
    rows = read_pairs(pairs, audio)
    asked = _asked(model, weights, clap, tokenizer, cues)
    with typer.progressbar(
        measure_pairs(asked, rows, round(seconds * RATE), ratio_db), length=len(rows)
    ) as bar:
        text = table(list(bar))
    typer.echo(text)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")


def _asked(
    model: Model, weights: Path, clap: Path | None, tokenizer: Path | None, cues: Path | None
) -> Asked:
    if model == "clapsep" and clap is not None:
        net = load(weights, clap, tokenizer)
        return Asked(
            lambda mixture, pair: separate_long(net.separator, mixture, pair),
            lambda text: net.embed_text([text])[0],
        )
    if cues is None:
        raise typer.BadParameter("give --clap for the full model, --cues for the others")
    encoders = CueEncoders.open(cues)
    if model == "clapsep":
        separator = open_separator(weights)
        return Asked(
            lambda mixture, pair: separate_long(separator, mixture, pair), encoders.of_text
        )
    return Asked(SoundMeter(open_network(weights), encoders).extract, encoders.of_text)


def _fitted(file: Path, samples: int) -> Audio:
    return fit(read_audio(file, RATE)[:samples], samples)
