"""What there is to tell of a stream after it: its words with their delays, its stages, its losses.

Events are taken one by one as they leave; partials are used and forgotten, so that
memory grows with the words that were said and nothing else.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self

import numpy as np

from tap_live.events import AnyEvent, Caption, Failed, Hello, StageStats, Stats, Warned, Word

PAUSE_S = 1.0  # of silence that begins a new line
LINE_S = 12.0  # a line that is longer ends with the word
SAME_S = 1.0  # a word of two passes may move by this much and still be the same
MOST_INCIDENTS = 200  # kept in full; the rest are counted


@dataclass(frozen=True, slots=True)
class SaidWord:
    """A final word, and when it was seen; times in stream seconds."""

    text: str  # with the space before it
    start: float
    end: float
    speaker: str | None
    shown: float  # when it was first read, and has been since; at the latest `final`
    final: float
    late: bool  # captions had fallen behind, and were declared to have

    @property
    def partial_delay(self) -> float:
        return self.shown - self.end

    @property
    def final_delay(self) -> float:
        return self.final - self.end


@dataclass(frozen=True)
class Line:
    """Words of one speaker that are read together."""

    words: Sequence[SaidWord]

    @property
    def text(self) -> str:
        return "".join(word.text for word in self.words).strip()

    @property
    def start(self) -> float:
        return self.words[0].start

    @property
    def end(self) -> float:
        return self.words[-1].end

    @property
    def speaker(self) -> str | None:
        return self.words[0].speaker

    @property
    def late(self) -> bool:
        return self.words[0].late


@dataclass(frozen=True)
class Spread:
    """Median, 90th percentile and worst of some delays, in seconds."""

    median: float
    p90: float
    worst: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self | None:
        """Return None if there are no values."""
        if not values:
            return None
        median, p90, worst = np.percentile(values, (50, 90, 100))
        return cls(float(median), float(p90), float(worst))


@dataclass
class Journal:
    """Everything that a report tells of a stream's events."""

    words: list[SaidWord] = field(default_factory=list)  # in the order in which they became final
    stages: dict[str, list[StageStats]] = field(default_factory=dict)
    backlog: float = 0.0  # seconds, the largest
    lost: int = 0  # samples
    overload: float = 0.0  # seconds
    incidents: list[Warned | Failed] = field(default_factory=list)
    unlisted: int = 0  # incidents beyond `MOST_INCIDENTS`
    hello: Hello | None = None
    _open: dict[str | None, list[tuple[Word, float]]] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[AnyEvent]) -> Self:
        """Take all events of a stream."""
        journal = cls()
        for event in events:
            journal.take(event)
        return journal

    def take(self, event: AnyEvent) -> None:
        """Keep what a report needs of one event."""
        match event:
            case Caption(state="partial"):
                self._show(event)
            case Caption():
                self._settle(event)
            case Stats():
                self._count(event)
            case Warned() | Failed():
                self._note(event)
            case Hello():
                self.hello = event

    def lines(self) -> list[Line]:
        """Cut the words into lines, in the order in which they were said."""
        words = sorted(self.words, key=lambda word: word.start)
        lines: list[Line] = []
        begin = 0
        for index, (before, after) in enumerate(pairwise(words), start=1):
            if _ends_line(words[begin], before, after):
                lines.append(Line(words[begin:index]))
                begin = index
        return [*lines, Line(words[begin:])] if words else []

    def delays(self) -> tuple[Spread | None, Spread | None]:
        """Of all words that were not late: until shown, until final."""
        timely = [word for word in self.words if not word.late]
        return (
            Spread.of([word.partial_delay for word in timely]),
            Spread.of([word.final_delay for word in timely]),
        )

    def _show(self, caption: Caption) -> None:
        """A partial replaces the open words; one that stays keeps the time it was first shown."""
        before = self._open.get(caption.speaker, [])
        self._open[caption.speaker] = [
            (word, shown) for word, shown, _ in _matched(caption, before)
        ]

    def _settle(self, caption: Caption) -> None:
        pool = caption.speaker if caption.speaker in self._open else None  # not known before
        open_words = self._open.get(pool, [])
        matched = list(_matched(caption, open_words))
        self.words += [
            SaidWord(
                word.text,
                word.start,
                word.end,
                speaker=caption.speaker,
                shown=shown,
                final=caption.at,
                late=caption.late,
            )
            for word, shown, _ in matched
        ]
        self._open[pool] = open_words[matched[-1][2] :] if matched else open_words

    def _count(self, stats: Stats) -> None:
        for name, stage in stats.stages.items():
            self.stages.setdefault(name, []).append(stage)
        self.backlog = max(self.backlog, stats.backlog)
        self.lost, self.overload = stats.lost, stats.overload

    def _note(self, incident: Warned | Failed) -> None:
        if len(self.incidents) < MOST_INCIDENTS:
            self.incidents.append(incident)
        else:
            self.unlisted += 1


def _matched(
    caption: Caption, shown: Sequence[tuple[Word, float]]
) -> Iterable[tuple[Word, float, int]]:
    """Each word, when it was first shown, and how many shown words lie behind it."""
    index = 0
    for word in caption.words:
        since = caption.at
        for later in range(index, len(shown)):
            candidate, first = shown[later]
            if _bare(candidate) == _bare(word) and abs(candidate.start - word.start) <= SAME_S:
                since, index = first, later + 1
                break
        yield word, since, index


def _ends_line(first: SaidWord, before: SaidWord, after: SaidWord) -> bool:
    return (
        (before.speaker, before.late) != (after.speaker, after.late)
        or before.text.rstrip("\"'”’)").endswith((".", "?", "!"))
        or after.start - before.end > PAUSE_S
        or after.end - first.start > LINE_S
    )


def _bare(word: Word) -> str:
    return "".join(letter for letter in word.text.casefold() if letter.isalnum())
