"""What Whisper may say next: its own rules, laid on the logits before a choice is made.

Facts of OpenAI's `whisper/decoding.py`: no blank at the beginning, never an annotation,
and timestamps in pairs that never go back.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tap_live.whisper.tokens import TIMESTAMP_SECONDS, Tokenizer

Logits: TypeAlias = NDArray[np.float32]
"""(B, V) how likely each token is to follow, one row a history."""

FORBIDDEN = np.float32(-np.inf)


class Rules:
    """Forbid what cannot follow, in place.

    A history is what came after the start tokens, a forced prefix included. Without
    `timestamps` none is ever said.
    """

    def __init__(
        self, tokenizer: Tokenizer, *, timestamps: bool, latest_start: float | None = 1.0
    ) -> None:
        """`latest_start`: seconds, the first timestamp comes no later; None: anywhere."""
        self._first = tokenizer.first_timestamp
        self._eot = tokenizer.eot
        self._blank = list(tokenizer.blank)
        self._timestamps = timestamps
        self._latest_start = latest_start
        self._never = np.array([*tokenizer.never, tokenizer.no_timestamps])
        self._silence = tokenizer.no_speech

    def apply(self, logits: Logits, histories: Sequence[Sequence[int]]) -> Logits:
        """Change and return `logits`; row b follows `histories[b]`."""
        logits[:, self._never] = FORBIDDEN
        if not self._timestamps:
            logits[:, self._first :] = FORBIDDEN
        for row, history in zip(logits, histories, strict=True):
            if not history:
                row[self._blank] = FORBIDDEN
            if self._timestamps:
                self._pair(row, history)
                self._prefer(row)
        return logits

    def tensors(self, vocabulary: int) -> dict[str, NDArray[Any]]:
        """The same for the graph that chooses: `export/whisper_choice.py` says what they are."""
        never, blank = np.zeros((2, vocabulary), np.bool_)
        never[self._never] = blank[self._blank] = True
        if not self._timestamps:
            never[self._first :] = True
        latest = vocabulary
        if self._latest_start is not None:
            latest = self._first + round(self._latest_start / TIMESTAMP_SECONDS)
        marks = np.array([self._eot, self._first, latest, self._silence])
        return {
            "never": never,
            "blank": blank,
            "marks": marks,
            "timed": np.array([self._timestamps]),
        }

    @property
    def first_timestamp(self) -> int:
        return self._first

    def _pair(self, row: NDArray[np.float32], history: Sequence[int]) -> None:
        """Timestamps open and close segments in turn, and never go back."""
        if not history:
            row[: self._first] = FORBIDDEN
            if self._latest_start is not None:
                latest = round(self._latest_start / TIMESTAMP_SECONDS)
                row[self._first + latest + 1 :] = FORBIDDEN
            return
        after_one = history[-1] >= self._first
        after_two = after_one and (len(history) < 2 or history[-2] >= self._first)
        if after_two:
            row[self._first :] = FORBIDDEN
        elif after_one:
            row[: self._eot] = FORBIDDEN
        last = next((token for token in reversed(history) if token >= self._first), None)
        if last is not None:
            # A segment opens where the one before closed, but closes later than it opened.
            row[self._first : last if after_one and not after_two else last + 1] = FORBIDDEN

    def _prefer(self, row: NDArray[np.float32]) -> None:
        """Say some timestamp when all of them together beat the best other token."""
        times = row[self._first :]
        best = times.max()
        if best == FORBIDDEN:
            return
        mass = best + np.log(np.exp(times - best).sum())
        if mass > row[: self._first].max():
            row[: self._first] = FORBIDDEN


def log_softmax(logits: Logits) -> Logits:
    """Turn logits into log-probabilities, row by row."""
    shifted: Logits = logits - logits.max(axis=-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted
