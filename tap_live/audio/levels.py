"""Loudness of a block, in dB below full scale."""

import math

import numpy as np

from tap_live.events import Decibels, Loudness
from tap_live.processor import Audio


def loudness(block: Audio) -> Loudness:
    """RMS and peak of (T,) samples; None for digital silence and for no samples."""
    if not len(block):
        return Loudness(rms=None, peak=None)
    square = float(np.mean(np.square(block, dtype=np.float64)))
    return Loudness(rms=decibels(math.sqrt(square)), peak=decibels(float(np.abs(block).max())))


def decibels(amplitude: float) -> Decibels:
    """Amplitude as dB below full scale; None is minus infinity."""
    return 20 * math.log10(amplitude) if amplitude > 0 else None
