"""Whether a re-made voice has seams where its chunks meet.

Chunks meet twice: on the line of what was heard, where one context's positions fade into the
next one's, and, later in the stream, where a chunk ends the frames that it draws for good.

`high_joins` compares the loudest rise of the spectrum at each join with the loudest rise of
stretches as long elsewhere. 5 % of joins above their 95th percentile is what chance gives.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tap_live.extractors.gentse_network import POSITION
from tap_live.extractors.gentse_plan import GenPlan
from tap_live.processor import Audio
from tap_live.voices.features import RATE

WINDOW, HOP = 256, 64  # samples at 16 kHz: short, so that a click stands out
USUAL = 95  # per cent of places, above which a join is high


class Joins(NamedTuple):
    """The samples at 16 kHz at which chunks meet, and over how many of them they do."""

    places: Sequence[int]
    length: int = 0


def frame_joins(plan: GenPlan, length: int) -> Joins:
    """Where chunks of mel frames meet in (T,) samples."""
    own = plan.form
    frames = [plan.drawn(chunk) for chunk in range(_chunks(plan, length))]
    return _within([round(frame * own.hop * RATE / own.rate) for frame in frames], 0, length)


def context_joins(plan: GenPlan, length: int) -> Joins:
    """Where the positions of one context fade into those of the next."""
    # Frames are read between two positions: one earlier is the last that is one context's alone.
    places = [(chunk * plan.hop - 1) * POSITION for chunk in range(1, _chunks(plan, length))]
    return _within(places, (plan.fade + 1) * POSITION, length)


def high_joins(audio: Audio, joins: Joins) -> float | None:
    """The share of joins at which the flux is higher than usual; None if there are none."""
    if not joins.places:
        return None
    width = (WINDOW + joins.length) // HOP + 1
    loudest = np.lib.stride_tricks.sliding_window_view(flux(audio), width).max(1)
    firsts = np.clip((np.array(joins.places) - WINDOW) // HOP, 0, len(loudest) - 1)
    near = np.zeros(len(loudest), bool)
    for first in firsts:
        near[max(0, first - width + 1) : first + width] = True
    return float(np.mean(loudest[firsts] > np.percentile(loudest[~near], USUAL)))


def flux(audio: Audio) -> NDArray[np.float64]:
    """Rise of the spectrum from frame to frame: (F,), in nats a bin."""
    views = np.lib.stride_tricks.sliding_window_view(audio, WINDOW)[::HOP]
    spectra = np.log(np.abs(np.fft.rfft(views * np.hanning(WINDOW))) + 1e-3)
    rises: NDArray[np.float64] = np.maximum(np.diff(spectra, axis=0), 0).mean(1)
    return rises


def _chunks(plan: GenPlan, length: int) -> int:
    return length // (plan.hop * POSITION) + 1


def _within(places: Sequence[int], span: int, length: int) -> Joins:
    return Joins([place for place in places if 0 < place < length - span - 2 * WINDOW], span)
