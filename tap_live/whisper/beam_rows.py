"""Beam search where the model runs: a few tokens of each path, and how likely, leave it."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from tap_live.whisper.beam import Path, Ranked
from tap_live.whisper.reader import Reader
from tap_live.whisper.resident import Said
from tap_live.whisper.rows import NOTHING, Row, latest
from tap_live.whisper.search import Spoken, Window


class OnDevice:
    """A `Ranking` with its caches and logits on a device; they are reordered there."""

    def __init__(self, window: Window, reader: Reader) -> None:
        """`reader` has one row and has read nothing."""
        self._window, self._reader = window, reader

    def begin(self, count: int) -> tuple[Ranked, Spoken]:
        row = Row(self._window, ())
        unread, first = row.unread, row.silent_columns
        said = Said(*(np.array([line[first:]], np.int64) for line in row.history()))
        opened = self._reader.open(
            np.array([unread], np.int64), len(unread), said, len(unread) - first, count
        )
        known = row.open(opened.chosen.fetched(opening=True), 0, first)
        return Ranked(opened.tokens, opened.logprobs), known

    def follow(self, paths: Sequence[Path], rows: Sequence[int], count: int) -> Ranked:
        self._reader.reorder(rows)
        last = np.array([[path.tokens[-1]] for path in paths], np.int64)
        return Ranked(*self._reader.rank(last, self._said(paths), count))

    def _said(self, paths: Sequence[Path]) -> Said:
        """What each path ends with."""
        histories = [[NOTHING, *self._window.prefix, *path.tokens] for path in paths]
        first = self._window.rules.first_timestamp
        times = [[t if t >= first else NOTHING for t in line] for line in histories]
        newest = [[*accumulate(line, latest)][-1] for line in times]
        last, before = ([line[-n] for line in histories] for n in (1, 2))
        columns = (np.array(line, np.int64)[:, None] for line in (last, before, newest, newest))
        return Said(*columns)
