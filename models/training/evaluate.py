"""Measure a voice extractor on lists of mixtures, with bootstrap intervals.

A list comes with the program that renders it (`render.py` beside the lists: `rows(name)`,
`voice_case(row)`), so that everybody measures on the same audio.
"""

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..compact import CompactExtractor
from ..losses import sdr, si_sdr
from ..speaker import SpeakerEncoder
from ..spectra import Spectra, extract
from .corpus import RATE
from .dnsmos import dnsmos as dnsmos


@dataclass(frozen=True)
class Case:
    """What one mixture gave, in dB; `leak` where the target is absent, gains where it is not.

    Attributes:
        name: the speaker, or the class of sound.
        gain, sdr_gain: SI-SDR and SDR of the output less those of the mixture.
        mos, mixture_mos: DNSMOS (overall, P.835) of output and mixture, where asked for.
        leak: energy of the output beside that of the mixture.
    """

    id: str
    name: str
    gain: float | None = None
    sdr_gain: float | None = None
    leak: float | None = None
    mos: float | None = None
    mixture_mos: float | None = None


@dataclass(frozen=True)
class Interval:
    """A statistic of the cases and where it lies in 95 % of resamplings of them."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def bootstrap(
    values: Sequence[float],
    statistic: Callable[..., Any] = np.mean,
    resamplings: int = 2000,
    seed: int = 0,
) -> Interval:
    """Interval of a statistic by resampling cases.

    Args:
        statistic: takes an array and `axis`, as numpy's do.

    Raises: ValueError if there are no values.
    """
    if not values:
        raise ValueError("wanted at least one case, found none")
    sample = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    drawn = sample[rng.integers(len(sample), size=(resamplings, len(sample)))]
    low, high = np.percentile(statistic(drawn, axis=1), [2.5, 97.5])
    return Interval(float(statistic(sample, axis=0)), float(low), float(high))


class VoiceMeter:
    """Run a network over the cases of a list and compare with the clean targets."""

    def __init__(
        self,
        net: CompactExtractor,
        encoder: SpeakerEncoder,
        mos: Callable[[Any], float] | None = None,
    ) -> None:
        """`mos` rates (T,) speech at 16 kHz; `dnsmos` does."""
        self._net = net
        self._mos = mos
        self._encoder = encoder
        self._spectra = Spectra(net.dims, RATE)

    @torch.no_grad()
    def extract(self, mixture: NDArray[np.float32], enrolment: NDArray[np.float32]) -> torch.Tensor:
        """(T,) mixture and (E,) enrolment at 16 kHz -> (T,) target, zeros where it cannot end."""
        cue = self._encoder.embed(torch.from_numpy(enrolment))
        padding = (0, self._spectra.hop + self._spectra.fade)
        padded = torch.nn.functional.pad(torch.from_numpy(mixture), padding)
        estimate = extract(self._net, self._spectra, padded[None], cue[None, None])
        return estimate[0, 0, : len(mixture)]

    def measure(self, number: str, name: str, case: Any) -> Case:
        """Compare the output for one rendered case (.mixture .target .enrolment)."""
        estimate = self.extract(case.mixture, case.enrolment)
        mixture, target = torch.from_numpy(case.mixture), torch.from_numpy(case.target)
        if not case.target.any():
            share = estimate.square().sum() / mixture.square().sum()
            return Case(number, name, leak=float(10 * torch.log10(share + 1e-12)))
        return Case(
            number,
            name,
            gain=float(si_sdr(estimate, target) - si_sdr(mixture, target)),
            sdr_gain=float(sdr(estimate, target) - sdr(mixture, target)),
            mos=self._mos(estimate.numpy()) if self._mos else None,
            mixture_mos=self._mos(case.mixture) if self._mos else None,
        )


def measure_list(meter: VoiceMeter, render: Any, name: str) -> Iterator[Case]:
    """Measure every row of a list."""
    for row in render.rows(name):
        yield meter.measure(row["id"], row["speaker"], render.voice_case(row))


def open_render(folder: Path) -> Any:
    """Import the `render.py` of a folder of lists."""
    spec = importlib.util.spec_from_file_location("render", folder / "render.py")
    if spec is None or spec.loader is None or not (folder / "render.py").is_file():
        raise FileNotFoundError(f"wanted the lists' render.py, found none in {folder}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def summarise(name: str, cases: Sequence[Case]) -> list[str]:
    """One line of a Markdown table for the cases with a target, one for those without."""
    lines = []
    gains = [case.gain for case in cases if case.gain is not None]
    if gains:
        sdr_gains = [case.sdr_gain for case in cases if case.sdr_gain is not None]
        worse = bootstrap([100.0 * (gain < 0) for gain in gains])
        rated = [case.mos for case in cases if case.mos is not None]
        before = [case.mixture_mos for case in cases if case.mixture_mos is not None]
        mos = f"{bootstrap(rated)} ({np.mean(before):.2f})" if rated else ""
        lines.append(
            f"| {name} | {len(gains)} | {bootstrap(gains)} | {bootstrap(gains, np.median)} "
            f"| {bootstrap(sdr_gains)} | {worse} | | {mos} |"
        )
    leaks = [case.leak for case in cases if case.leak is not None]
    if leaks:
        lines.append(f"| {name} | {len(leaks)} | | | | | {bootstrap(leaks)} | |")
    return lines


def by_name(cases: Sequence[Case]) -> list[str]:
    """Lines of a Markdown table: each speaker's or class's mean, and the mean of these means."""
    gains: dict[str, list[float]] = {}
    for case in cases:
        if case.gain is not None:
            gains.setdefault(case.name, []).append(case.gain)
    means = {name: float(np.mean(its)) for name, its in gains.items()}
    lines = [f"| {name} | {len(gains[name])} | {means[name]:.2f} |" for name in sorted(means)]
    if means:
        lines.append(f"| mean of these | {len(means)} | {np.mean(list(means.values())):.2f} |")
    return lines


HEADING = (
    "| list | cases | SI-SDRi, dB | its median | SDRi, dB | made worse, % "
    "| output when absent, dB | DNSMOS (of the mixture) |\n"
    "|---|---|---|---|---|---|---|---|"
)
NAMES_HEADING = "| of {list} | cases | SI-SDRi, dB |\n|---|---|---|"
