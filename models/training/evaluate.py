"""Measure a voice extractor on lists of mixtures; `evaluate_report` makes tables of the cases.

A list comes with the program that renders it (`render.py` beside the lists: `rows(name)`,
`voice_case(row)`), so that everybody measures on the same audio.
"""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..compact import CompactExtractor
from ..losses import sdr, si_sdr
from ..speaker import SpeakerEncoder
from ..spectra import Spectra, extract
from .corpus import RATE


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
    def extract(self, mixture: NDArray[np.float32], enrolment: NDArray[np.float32]) -> Tensor:
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
        return compared(number, name, estimate, mixture, target, self._mos)


def compared(
    number: str,
    name: str,
    estimate: Tensor,
    mixture: Tensor,
    target: Tensor,
    mos: Callable[[Any], float] | None = None,
) -> Case:
    """Compare (T,) outputs with their targets, silent ones of absent targets."""
    if not target.any():
        share = estimate.square().sum() / mixture.square().sum()
        return Case(number, name, leak=float(10 * torch.log10(share + 1e-12)))
    return Case(
        number,
        name,
        gain=float(si_sdr(estimate, target) - si_sdr(mixture, target)),
        sdr_gain=float(sdr(estimate, target) - sdr(mixture, target)),
        mos=mos(estimate.numpy()) if mos else None,
        mixture_mos=mos(mixture.numpy()) if mos else None,
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
