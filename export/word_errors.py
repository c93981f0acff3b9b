"""Word errors of many cases: their parts, their intervals, and several voices at once.

The text normaliser is that of `export.wer`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import jiwer

from tap_live.export.wer import normalised
from tap_live.models.training.intervals import Interval, ratio

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


def rate(
    cases: Sequence[Errors], part: Callable[[Errors], int] = lambda its: its.count
) -> Interval:
    """Errors, or a part of them, beside the words of all cases, in per cent.

    Raises: ValueError if no case has words.
    """
    if not any(case.words for case in cases):
        raise ValueError("wanted cases with words, found none")
    return ratio([part(case) for case in cases], [case.words for case in cases])


def a_minute(cases: Sequence[Errors], seconds: Sequence[float]) -> Interval:
    """Words a minute where nobody who is asked for speaks."""
    return ratio([case.put_in for case in cases], seconds, times=60.0)
