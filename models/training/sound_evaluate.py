"""Measure a sound extractor on lists of mixtures, asked by words and by clips.

A case has a cue in words and a clip of the same kind, and both for the sound beside it; it is
asked for with the positive side only, the negative one only, and both.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor

from ..compact import CompactExtractor
from ..cues import RATE
from ..spectra import Spectra, extract
from .evaluate import Case, compared

Way: TypeAlias = tuple[str, bool, bool]
"""Source of the cue, with its positive side, with its negative side."""

WAYS: tuple[Way, ...] = (
    ("words", True, False),
    ("words", False, True),
    ("words", True, True),
    ("clip", True, False),
    ("clip", False, True),
    ("clip", True, True),
)


def name_of_way(source: str, positive: bool, negative: bool) -> str:
    sides = [name for name, given in (("positive", positive), ("negative", negative)) if given]
    return f"{source}, {' and '.join(sides)}"


class Encoders(Protocol):
    """What makes cues, (width,), of words and of (T,) audio at 32 kHz."""

    def of_text(self, text: str) -> Tensor: ...
    def of_clip(self, audio: Tensor) -> Tensor: ...


class SoundMeter:
    """Run a network over rendered cases, asked in every way at once."""

    _ways: Sequence[Way] = WAYS

    def __init__(self, net: CompactExtractor, cues: Encoders) -> None:
        self._net = net
        self._cues = cues
        self._spectra = Spectra(net.dims, RATE)

    @torch.no_grad()
    def extract(self, mixture: Tensor, cues: Tensor) -> Tensor:
        """(T,) mixture at 32 kHz and (C, cue) -> (C, T), zeros where it cannot end."""
        padding = (0, self._spectra.hop + self._spectra.fade)
        padded = torch.nn.functional.pad(mixture, padding)
        return extract(self._net, self._spectra, padded[None], cues[None])[0, :, : len(mixture)]

    def cues_of(self, case: Any) -> Tensor:
        """(ways, 2 * width) cues of one case (.cue .negative .cue_clip .negative_clip)."""
        sides = {
            "words": [self._cues.of_text(text) for text in (case.cue, case.negative)],
            "clip": [
                self._cues.of_clip(torch.from_numpy(clip))
                for clip in (case.cue_clip, case.negative_clip)
            ],
        }
        return torch.stack(
            [
                torch.cat([sides[source][0] * positive, sides[source][1] * negative])
                for source, positive, negative in self._ways
            ]
        )

    def measure(self, case: Any) -> dict[str, Case]:
        """What one case gave, by way of asking.

        Where the target is absent the ways without a positive side are left out: they ask for
        the sound that is there.
        """
        mixture, target = torch.from_numpy(case.mixture), torch.from_numpy(case.target)
        estimates = self.extract(mixture, self.cues_of(case))
        present = bool(case.target.any())
        measured = {}
        for (source, positive, negative), estimate in zip(self._ways, estimates, strict=True):
            if present or positive:
                way = name_of_way(source, positive, negative)
                measured[way] = compared(case.id, case.label, estimate, mixture, target)
        return measured


def measure_sounds(meter: SoundMeter, render: Any, name: str) -> Mapping[str, list[Case]]:
    """Measure every row of a list; the cases by list and way of asking."""
    cases: dict[str, list[Case]] = {}
    for row in render.rows(name):
        for way, case in meter.measure(render.sound_case(row)).items():
            cases.setdefault(f"{name}: {way}", []).append(case)
    return cases
