"""What gates of extracted voices let through: what counts as said."""

from collections.abc import Sequence

import numpy as np
import pytest

from tap_live.captions.vad import WINDOW, Edge, EdgeKind
from tap_live.export.apart_eval import Extracted, let_through, loud, row_of
from tap_live.processor import Audio
from tap_live.voices.gate import GateConfig
from tap_live.voices.scoring import Print

SPOKEN = np.array([0, 1, 1, 1, 0, 1, 1, 1, 1, 0], np.float32)


class Told:
    """A gate that says what it was told to, at the first window and at the end."""

    lookahead = 0

    def __init__(
        self, *edges: tuple[EdgeKind, int], last: Sequence[tuple[EdgeKind, int]] = ()
    ) -> None:
        self._first, self._last = list(edges), list(last)

    def push(self, audio: Audio, edges: Sequence[Edge]) -> list[Edge]:
        assert len(audio) == WINDOW
        told, self._first = self._first, []
        return [_edge(*one) for one in told]

    def flush(self, edges: Sequence[Edge]) -> list[Edge]:
        return [_edge(*one) for one in self._last]


def _edge(kind: EdgeKind, window: int) -> Edge:
    return Edge(kind, window * WINDOW, window * WINDOW)


@pytest.fixture
def heard() -> Extracted:
    vector = np.zeros(120, np.float32)
    audio = np.zeros(len(SPOKEN) * WINDOW, np.float32)
    return Extracted(audio, SPOKEN, SPOKEN > 0, Print(vector, 0.0, 1.0))


def through(gate: Told, heard: Extracted) -> list[int]:
    windows: list[int] = np.flatnonzero(let_through(gate, heard)).tolist()
    return windows


def test_pauses_are_not_let_through(heard: Extracted) -> None:
    gate = Told(("start", 1), ("pause", 3), ("resume", 6), last=[("end", 8)])
    assert through(gate, heard) == [1, 2, 6, 7]


def test_silence_within_a_turn_does_not_count(heard: Extracted) -> None:
    assert through(Told(("start", 0), last=[("end", 10)]), heard) == [1, 2, 3, 5, 6, 7, 8]


def test_a_turn_that_never_ends_lasts_to_the_end(heard: Extracted) -> None:
    assert through(Told(("start", 6)), heard) == [6, 7, 8]


def test_a_pause_and_its_end_are_counted_once(heard: Extracted) -> None:
    gate = Told(("start", 1), ("pause", 2), ("end", 2), ("start", 5), ("end", 6))
    assert through(gate, heard) == [1, 5]


def test_a_gate_that_stays_shut_lets_nothing_through(heard: Extracted) -> None:
    assert through(Told(), heard) == []


def test_a_voice_is_there_within_20_db_of_its_mean() -> None:
    levels = np.array([1.0, 0.5, 0.05, 0.0, 1.0], np.float32)  # the third is 23 dB down
    target = np.repeat(levels, WINDOW) * np.tile([1, -1], 5 * WINDOW // 2).astype(np.float32)
    assert loud(target, 5).tolist() == [True, True, False, False, True]
    assert loud(target[: 4 * WINDOW + 7], 6).tolist() == [True, True, False, False, False, False]
    assert not loud(np.zeros_like(target), 5).any()


def test_a_row_tells_what_is_kept_of_a_voice_and_what_leaks_of_others(heard: Extracted) -> None:
    asked = []

    def make(voice: Print, config: GateConfig) -> Told:
        asked.append((voice, config.threshold, config.others))
        return Told(("start", 6))

    cells = [cell.strip() for cell in row_of(2.5, [heard, heard], [heard], make).split("|")]
    assert asked == [(heard.asked, 2.5, "hide")] * 3
    assert cells[1] == "2.5"
    assert cells[2].startswith("42.9 ")  # three of seven windows
    assert cells[3].startswith("18.0 ")  # three windows in ten are 18 s in a minute
    assert cells[4] == "1 of 1"
