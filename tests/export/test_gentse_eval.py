"""Figures of re-made voices: seams are found where there are some, and words are counted."""

from dataclasses import replace

import numpy as np

from tap_live.export.gentse_eval import Heard, flux, high_joins, row
from tap_live.export.word_errors import errors

RATE = 16_000
JOINS = list(range(8000, 150_000, 8000))


def wandering(seed: int = 0) -> np.ndarray:
    """Ten seconds of noise whose loudness wanders."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0.05, 1, 100)
    loudness = np.interp(np.arange(10 * RATE), np.linspace(0, 10 * RATE, 100), points)
    return (0.1 * loudness * rng.standard_normal(10 * RATE)).astype(np.float32)


def test_places_like_all_others_are_no_seams() -> None:
    share = high_joins(wandering(), JOINS)
    assert share is not None and share < 0.25
    assert high_joins(wandering(), []) is None


def test_a_step_in_loudness_is_a_seam() -> None:
    audio = wandering()
    for first, second in zip(JOINS[::2], JOINS[1::2], strict=False):
        audio[first:second] *= 30
    share = high_joins(audio, JOINS[::2])
    assert share is not None and share > 0.8


def test_flux_is_a_rise_of_the_spectrum_and_no_fall() -> None:
    audio = wandering()
    audio[:80_000] *= 0.001
    rises = flux(audio)
    assert rises[80_000 // 128 - 4 : 80_000 // 128 + 1].max() > 2 * np.median(rises)
    falls = flux(audio[::-1].copy())
    assert falls[80_000 // 128 - 2 : 80_000 // 128 + 3].max() < 2 * np.median(falls)


def heard(**other: object) -> Heard:
    whole = Heard("1", "mixture", "a b", errors("a b", "a c"), 2.0, 0.5, -3.0, 0.1, 0.02)
    return replace(whole, **other)


def test_a_line_of_the_table_has_means_and_pooled_errors() -> None:
    line = row("gentse, 2 steps", [heard(), heard(mos=4.0, errors=errors("a b c d", "a b c d"))])
    assert line.startswith("| gentse, 2 steps | 3.00 [")
    assert "| 16.7 [" in line and line.endswith("| -3.0 | 10 | 0.02 |")
    assert row("clean", [heard(joins=None)]).endswith("| -3.0 |  | 0.02 |")
