"""Greedy search over several windows at once, on the device that runs the model.

What `search.greedy` does, row by row, with the same result: only tokens and their log-probabilities
leave the device. Rows may be different voices, texts and drafts; one that has ended reads on idly
until all have.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from tap_live.whisper.reader import Reader
from tap_live.whisper.resident import Chosen, Said
from tap_live.whisper.search import Attention, Spoken, Window, agreement, resumed

AHEAD = 1  # tokens that are said before anybody looks whether it was the end
NOTHING = -1


class Row:
    """One window, and how far its words are known."""

    def __init__(self, window: Window, draft: Sequence[int]) -> None:
        self._window = window
        self.eot = window.tokenizer.eot
        self.said, self.logprobs = list(window.prefix), list[float]()
        self.draft = [*draft][: window.limit - len(window.prefix)]
        self._looks: list[Attention] = []
        self._no_speech = 0.0
        self.begun = False

    @property
    def done(self) -> bool:
        return self.begun and (self.said[-1:] == [self.eot] or self.left <= 0)

    @property
    def left(self) -> int:
        """Tokens that may still be said."""
        return self._window.limit - len(self.said)

    @property
    def unread(self) -> list[int]:
        """What is read next: what was said last, and the draft of what follows."""
        if self.done:
            return [self.eot]
        known = self.said[-1:] if self.begun else [*self._window.start, *self._window.prefix]
        return [*known, *self.draft]

    @property
    def silent_columns(self) -> int:
        """Of `unread`, those in front of which nothing is asked."""
        return 0 if self.begun else len(self._window.start) - self._window.marks

    def history(self) -> tuple[list[int], list[int], list[int], list[int]]:
        """What each column of `unread` ends with: as `Said`."""
        unread = self.unread
        spoken = self.said[:-1] if self.begun else []
        front = 0 if self.begun else len(self._window.start)
        said = [*spoken, *unread[front:]]
        first = self._window.rules.first_timestamp
        newest = [*accumulate((t if t >= first else NOTHING for t in said), latest)]
        last, before = said, [NOTHING, *said][: len(said)]
        count = len(unread) - front  # columns that end with something said
        lines = ([NOTHING] * front + line[len(said) - count :] for line in (last, before, newest))
        last, before, newest = lines
        return last, before, newest, [*unread[1:], self.eot]

    def take(self, chosen: Chosen, row: int, first: int) -> int:
        """Take what was chosen after `unread`; say how many of its columns stand.

        Args:
            chosen: arrays; its columns begin with column `first` of `unread`.
        """
        base = len(self.unread) - len(self.draft) - 1  # the column that the next token follows
        begin = self.silent_columns
        if not self.begun:
            self.open(chosen, row, first)
        found = slice(base - first, base - first + len(self.draft) + 1)
        tokens = chosen.token[row, found].tolist()
        agreed = agreement(self.draft, tokens)
        self.said += tokens[: agreed + 1]
        self.logprobs += chosen.logprob[row, found].tolist()[: agreed + 1]
        self._looks.append(chosen.look[row, :, begin : base + agreed + 1])
        self.draft = resumed(self.draft[agreed:], self.said[-1])
        return base + agreed + 1

    def open(self, chosen: Chosen, row: int, first: int) -> Spoken:
        """Take what is known of the window before anything is said: as `Window.begin`."""
        front, asked = len(self._window.start) - 1 - first, chosen.asked_logprob[row]
        self._no_speech = float(np.exp(chosen.silence[row, self.silent_columns - first]))
        self.logprobs = asked[front : front + len(self.said)].tolist()
        self.begun = True
        return Spoken(tuple(self.said), tuple(self.logprobs), self._no_speech, None)

    def spoken(self) -> Spoken:
        ended = self.said[-1] == self.eot
        tokens = self.said[:-1] if ended else self.said[: self._window.limit]
        return Spoken(
            tuple(tokens),
            tuple(self.logprobs[: len(tokens) + ended]),
            self._no_speech,
            np.concatenate(self._looks, axis=1),
        )


def greedy_rows(
    reader: Reader, windows: Sequence[Window], drafts: Sequence[Sequence[int]], ahead: int = AHEAD
) -> list[Spoken]:
    """Say the likeliest token each time, for all windows, until all have ended.

    Args:
        reader: of as many rows, by the rules of the windows, which are alike.
        ahead: tokens that are said between two looks at what they are.
    """
    rows = [Row(window, draft) for window, draft in zip(windows, drafts, strict=True)]
    while going := [row for row in rows if not row.done]:
        if any(row.draft or not row.begun for row in going):
            _verify(reader, rows)
        else:
            _go_on(reader, rows, min(ahead, *(row.left for row in going)))
    reader.done([logprob for row in rows for logprob in row.logprobs])
    return [row.spoken() for row in rows]


def _verify(reader: Reader, rows: Sequence[Row]) -> None:
    """Read what is not read yet, drafts included, and keep what would have been said."""
    idle = _idle(rows)
    left = reader.room - max(np.delete(reader.own, idle))
    for row in rows:
        del row.draft[left - 1 :]  # all rows read as many columns, and one may be near its end
    unread = [row.unread for row in rows]
    columns, first = max(map(len, unread)), min(row.silent_columns for row in rows)
    tokens = _columns(unread, columns, rows[0].eot)
    histories = zip(*(row.history() for row in rows), strict=True)
    said = Said(*(_columns(lines, columns, rows[0].eot)[:, first:] for lines in histories))
    opening = any(not row.begun for row in rows)
    chosen = reader.read(tokens, columns, said, columns - first, idle).fetched(opening=opening)
    chosen = replace(chosen, look=chosen.look[:, :, -columns:])
    own = reader.own
    for number, row in enumerate(rows):
        if number not in idle:
            own[number] -= columns - row.take(chosen, number, first)
    reader.keep(own)


def _go_on(reader: Reader, rows: Sequence[Row], steps: int) -> None:
    """Say so many tokens, each read as soon as it is chosen; then look at them."""
    idle, chosen = _idle(rows), list[Chosen]()
    tokens = np.array([row.unread for row in rows], np.int64)
    said = Said(*(np.array(lines) for lines in zip(*(row.history() for row in rows), strict=True)))
    for _ in range(steps):
        chosen.append(reader.read(tokens, 1, said, 1, idle))
        tokens = chosen[-1].token
        said = Said(tokens, said.last, chosen[-1].newest, said.asked)
    for fetched in (one.fetched() for one in chosen):
        for number, row in enumerate(rows):
            if not row.done:
                row.take(fetched, number, 0)


def _idle(rows: Sequence[Row]) -> list[int]:
    return [number for number, row in enumerate(rows) if row.done]


def _columns(lines: Sequence[Sequence[int]], columns: int, filler: int) -> NDArray[np.int64]:
    """Lines of several lengths as (B, N)."""
    return np.array([[*line, *[filler] * (columns - len(line))] for line in lines], np.int64)


def latest(before: int, token: int) -> int:
    return before if token == NOTHING else token
