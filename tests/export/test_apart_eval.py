"""What gates of extracted voices let through: what counts as said."""

from collections.abc import Sequence

import numpy as np
import pytest

from tap_live.captions.vad import WINDOW, Edge
from tap_live.export.apart_eval import Heard, let_through
from tap_live.processor import Audio
from tap_live.voices.scoring import Print

SPOKEN = np.array([0, 1, 1, 1, 0, 1, 1, 1, 1, 0], np.float32)


class Told:
    """A gate that says what it was told to, at the first window and at the end."""

    def __init__(self, *edges: tuple[str, int], last: Sequence[tuple[str, int]] = ()) -> None:
        self._first, self._last = list(edges), list(last)

    def push(self, audio: Audio, edges: Sequence[Edge]) -> list[Edge]:
        assert len(audio) == WINDOW
        told, self._first = self._first, []
        return [_edge(*one) for one in told]

    def flush(self, edges: Sequence[Edge]) -> list[Edge]:
        return [_edge(*one) for one in self._last]


def _edge(kind: str, window: int) -> Edge:
    return Edge(kind, window * WINDOW, window * WINDOW)  # type: ignore[arg-type]


@pytest.fixture
def heard() -> Heard:
    vector = np.zeros(120, np.float32)
    audio = np.zeros(len(SPOKEN) * WINDOW, np.float32)
    return Heard(audio, SPOKEN, SPOKEN > 0, Print(vector, 0.0, 1.0))


def through(gate: Told, heard: Heard) -> list[int]:
    return np.flatnonzero(let_through(gate, heard)).tolist()  # type: ignore[arg-type]


def test_pauses_are_not_let_through(heard: Heard) -> None:
    gate = Told(("start", 1), ("pause", 3), ("resume", 6), last=[("end", 8)])
    assert through(gate, heard) == [1, 2, 6, 7]


def test_silence_within_a_turn_does_not_count(heard: Heard) -> None:
    assert through(Told(("start", 0), last=[("end", 10)]), heard) == [1, 2, 3, 5, 6, 7, 8]


def test_a_turn_that_never_ends_lasts_to_the_end(heard: Heard) -> None:
    assert through(Told(("start", 6)), heard) == [6, 7, 8]


def test_a_pause_and_its_end_are_counted_once(heard: Heard) -> None:
    gate = Told(("start", 1), ("pause", 2), ("end", 2), ("start", 5), ("end", 6))
    assert through(gate, heard) == [1, 5]


def test_a_gate_that_stays_shut_lets_nothing_through(heard: Heard) -> None:
    assert through(Told(), heard) == []
