"""Mixtures that a benchmark lists in a CSV file, and what a network gains on them.

A row is `target,caption,noise,caption`: two files, each with what is to be heard in it. They
are brought to the length of a context and mixed at a given ratio.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..clapsep import RATE
from ..losses import bss_sdr, sdr, si_sdr
from .augment import Audio, fit
from .data import SUFFIXES
from .store import load as read_audio

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
    """Improvements over the mixture, dB: as `losses.bss_sdr`, `sdr` and `si_sdr`."""

    bss_sdr: float
    snr: float
    si_sdr: float


def read_pairs(file: Path, audio: Path) -> list[Pair]:
    """Read a list; files are named from `audio`. A first row that names no audio is left out.

    Raises: ValueError naming the row that is none; FileNotFoundError naming the file.
    """
    if not file.is_file():
        raise FileNotFoundError(f"wanted a list of mixtures, .csv, found no file {file}")
    pairs = []
    with file.open(newline="", encoding="utf-8-sig") as lines:
        for number, row in enumerate(csv.reader(lines, skipinitialspace=True), 1):
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if len(cells) != 4:
                raise ValueError(
                    f"row {number} of {file}: wanted target,caption,noise,caption, found {row}"
                )
            if number == 1 and not any(Path(c).suffix.lower() in SUFFIXES for c in cells[::2]):
                continue
            pair = Pair(audio / cells[0], cells[1], audio / cells[2], cells[3])
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
    asked: Asked, pairs: Sequence[Pair], samples: int, ratio_db: float = 0.0
) -> Iterator[dict[str, Gain]]:
    """Ask about each mixture in every way; a caption is embedded once."""
    known: dict[str, Tensor] = {}
    for pair in pairs:
        mixture, target = mixed(pair, samples, ratio_db)
        for text in {pair.caption, pair.noise_caption} - known.keys():
            known[text] = asked.embed(text)
        sides = [known[text] for text in (pair.caption, pair.noise_caption)]
        cues = [torch.cat([sides[0] * given, sides[1] * not_given]) for _, given, not_given in WAYS]
        found = asked.separate(mixture, torch.stack(cues))
        yield {
            way: _gain(estimate, mixture, target)
            for (way, _, _), estimate in zip(WAYS, found, strict=True)
        }


def table(rows: Sequence[dict[str, Gain]]) -> str:
    """Means and deviations as Markdown."""
    lines = [
        "| asked by | mixtures | SDRi (BSS-eval), dB | SNRi, dB | SI-SDRi, dB |",
        "|---|---|---|---|---|",
    ]
    for way, _, _ in WAYS:
        gains = np.array([row[way] for row in rows])
        mean, deviation = gains.mean(axis=0), gains.std(axis=0)
        told = " | ".join(f"{m:.2f} ± {d:.2f}" for m, d in zip(mean, deviation, strict=True))
        lines.append(f"| {way} | {len(rows)} | {told} |")
    return "\n".join(lines)


def _gain(estimate: Tensor, mixture: Tensor, target: Tensor) -> Gain:
    return Gain(
        *(
            float(measure(estimate, target) - measure(mixture, target))
            for measure in (bss_sdr, sdr, si_sdr)
        )
    )


def _fitted(file: Path, samples: int) -> Audio:
    return fit(read_audio(file, RATE)[:samples], samples)
