"""Sounds made of nothing but oscillators, so that they belong to nobody."""

import numpy as np

from tap_live.export.studio import RATE
from tap_live.processor import Audio


def bird(samples: int, rng: np.random.Generator) -> Audio:
    """A small bird: strophes of some short whistles, which glide and tremble, and rests."""
    audio = np.zeros(samples, np.float32)
    at = 0
    while at < samples:
        hertz = rng.uniform(3000.0, 4500.0)
        for _ in range(rng.integers(3, 8)):
            whistle = _whistle(hertz, rng.uniform(-1500.0, 1500.0), rng.uniform(0.05, 0.12))
            part = whistle[: max(0, samples - at)]
            audio[at : at + len(part)] += part
            at += round(len(whistle) * rng.uniform(1.2, 1.6))
        at += round(rng.uniform(0.1, 0.4) * RATE)
    return audio


def _whistle(hertz: float, glide: float, seconds: float) -> Audio:
    """One tone that moves by `glide` Hz while it lasts, with a vibrato of 60 Hz."""
    times = np.arange(round(seconds * RATE)) / RATE
    turns = hertz * times + glide * times**2 / (2 * seconds)
    phase = 2 * np.pi * turns + 0.8 * np.sin(2 * np.pi * 60.0 * times)
    return np.asarray(np.hanning(len(times)) * np.sin(phase), np.float32)
