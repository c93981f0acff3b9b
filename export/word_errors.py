"""Word errors of many cases: their parts, their intervals, and several voices at once.

The text normaliser is that of `export.wer`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import jiwer
import numpy as np
from numpy.typing import NDArray

from tap_live.export.wer import normalised

RESAMPLES = 2000
MOST_VOICES = 6  # whose order is tried in every way


@dataclass(frozen=True)
class Errors:
    """What became of the words of one case."""

    words: int  # in the reference
    substituted: int
    left_out: int
    put_in: int

    @property
    def count(self) -> int:
        return self.substituted + self.left_out + self.put_in

    def __add__(self, other: "Errors") -> "Errors":
        return Errors(
            self.words + other.words,
            self.substituted + other.substituted,
            self.left_out + other.left_out,
            self.put_in + other.put_in,
        )


NONE = Errors(0, 0, 0, 0)


def errors(reference: str, text: str) -> Errors:
    """Compare what was understood with what was said, both normalised."""
    wanted, found = normalised(reference), normalised(text)
    if not wanted:
        return Errors(0, 0, 0, len(found.split()))
    result = jiwer.process_words(wanted, found)
    words = result.hits + result.substitutions + result.deletions
    return Errors(words, result.substitutions, result.deletions, result.insertions)


def permuted_errors(references: Sequence[str], texts: Mapping[str, str] | Sequence[str]) -> Errors:
    """Errors of several voices, each one's words joined, under the best matching of voices.

    Source: concatenated minimum-permutation word error rate, Watanabe et al., arXiv:2004.09249.
    Raises: ValueError if there are more voices than can be tried in every order.
    """
    found = list(texts.values() if isinstance(texts, Mapping) else texts)
    count = max(len(references), len(found))
    if count > MOST_VOICES:
        raise ValueError(f"wanted at most {MOST_VOICES} voices to match, found {count}")
    wanted = [*references, *[""] * (count - len(references))]
    found += [""] * (count - len(found))
    table = [[errors(reference, text) for text in found] for reference in wanted]
    matchings = (
        sum((table[row][column] for row, column in enumerate(order)), NONE)
        for order in permutations(range(count))
    )
    return min(matchings, key=lambda its: its.count)


@dataclass(frozen=True)
class Rate:
    """A rate in per cent, and where it lies in 95 % of resamplings of the cases."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.1f} [{self.low:.1f}, {self.high:.1f}]"


def rate(
    cases: Sequence[Errors], part: Callable[[Errors], int] = lambda its: its.count, seed: int = 0
) -> Rate:
    """Errors, or a part of them, beside the words of all cases.

    Raises: ValueError if no case has words.
    """
    words = np.array([case.words for case in cases], np.float64)
    if not words.sum():
        raise ValueError("wanted cases with words, found none")
    return _ratio(np.array([part(case) for case in cases], np.float64), words, 100.0, seed)


def a_minute(cases: Sequence[Errors], seconds: Sequence[float], seed: int = 0) -> Rate:
    """Words a minute where nobody who is asked for speaks (no per cent)."""
    counts = np.array([case.put_in for case in cases], np.float64)
    return _ratio(counts, np.asarray(seconds, np.float64), 60.0, seed)


def _ratio(
    parts: NDArray[np.float64], wholes: NDArray[np.float64], times: float, seed: int
) -> Rate:
    drawn = np.random.default_rng(seed).integers(len(parts), size=(RESAMPLES, len(parts)))
    ratios = parts[drawn].sum(1) / np.maximum(wholes[drawn].sum(1), 1e-9)
    low, high = np.quantile(ratios, (0.025, 0.975))
    return Rate(times * parts.sum() / wholes.sum(), times * float(low), times * float(high))
