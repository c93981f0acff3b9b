"""How much a full model gains by hearing beyond what it gives: quality against lookahead.

Mixtures are cut as they are live (tap_live/extractors/chunked.py): each hop comes from a
context that ends so much later.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import typer
from torch import Tensor
from torch.nn import functional as F

from ..clapsep import RATE, Separator
from ..losses import si_sdr
from .clapsep_evaluate import SeparatorMeter
from .clapsep_files import open_full
from .evaluate import open_render
from .plot import curves

AHEAD_S = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)
ROWS = 8  # contexts at a time


@torch.no_grad()
def chunked(net: Separator, mixture: Tensor, cue: Tensor, hop: int, ahead: int) -> Tensor:
    """(T,) and (2 W,) -> (T,), hop by hop, each from the context that ends `ahead` after it.

    It is computed where the network is, and given where the mixture is.
    """
    came_from, device = mixture.device, net.window.device
    mixture, cue = mixture.to(device), cue.to(device)
    samples, count = net.dims.samples, -(-len(mixture) // hop)
    padded = F.pad(mixture, (samples - hop - ahead, count * hop + ahead - len(mixture)))
    contexts = padded.unfold(0, samples, hop)[:count]
    asked = F.normalize(cue, dim=-1)[None, None]
    given = [
        net.extract(part, asked.expand(len(part), -1, -1))[:, 0, samples - hop - ahead :]
        for part in torch.split(contexts, ROWS)
    ]
    return torch.cat(given)[:, :hop].flatten()[: len(mixture)].to(came_from)


def gains(
    net: Separator, cases: Sequence[Any], cues: Sequence[Tensor], hop_s: float
) -> list[float]:
    """Mean SI-SDRi, dB, for each of `AHEAD_S`."""
    hop, means = round(hop_s * RATE), []
    for ahead_s in AHEAD_S:
        its = []
        for case, cue in zip(cases, cues, strict=True):
            mixture, target = torch.from_numpy(case.mixture), torch.from_numpy(case.target)
            estimate = chunked(net, mixture, cue, hop, round(ahead_s * RATE))
            its.append(si_sdr(estimate, target) - si_sdr(mixture, target))
        means.append(float(torch.stack(its).mean()))
    return means


def draw_lookahead(
    weights: Path,
    lists: Path,
    out: Path,
    clap: Path | None,
    tokenizer: Path | None,
    cues: Path | None,
    name: str,
    count: int,
    hop_s: float,
) -> None:
    """What `lookahead` does; `clap`, `tokenizer` and `cues` as in `open_full`."""
    torch.set_num_threads(1)
    render = open_render(lists)
    net, encoders = open_full(weights, clap, tokenizer, cues)
    meter = SeparatorMeter(net, encoders)
    cases = [render.sound_case(row) for row in list(render.rows(name))[:count]]
    both = [meter.cues_of(case)[2] for case in cases]
    found = gains(net, cases, both, hop_s)
    for ahead_s, gain in zip(AHEAD_S, found, strict=True):
        typer.echo(f"{ahead_s:.2f} s: {gain:.2f} dB")
    drawing = curves(f"{name}, hop {hop_s} s", "lookahead, s", AHEAD_S, {"SI-SDRi, dB": found})
    out.write_text(drawing, encoding="utf-8")
