"""Finals, which are a few words each, put together into what is read at once.

A cue ends before a word of another speaker, after a pause, or after a sentence. Where the next
word does not fit, it ends at its last clause, else at its longest pause, else at its last word,
and the next one begins with what came after. The newest cue may still grow.

Limits are those of broadcasters (BBC, Netflix): two lines of 42 columns, 5/6 to 7 seconds.
"""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from tap_live.events import Caption, Word

WIDTH = 42  # columns
LINES = 2
LONGEST_S = 7.0
SHORTEST_S = 5 / 6  # of a cue that is made shorter than it could be
PAUSE_S = 1.0  # that ends a cue
BREATH_S = 0.2  # that tells phrases apart
SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")
CLAUSE_ENDS = (",", ";", ":", "–", "—", "，", "、", "；", "：", *SENTENCE_ENDS)
CLOSERS = "\"'”’»)]」』"  # may stand behind these
TITLES = ("Mr.", "Mrs.", "Ms.", "Dr.", "Prof.", "St.", "vs.")  # end no sentence, nor a clause


@dataclass(frozen=True)
class Cue:
    """Words of one speaker that are shown together."""

    words: tuple[Word, ...]
    speaker: str | None = None

    @property
    def start(self) -> float:
        return self.words[0].start

    @property
    def end(self) -> float:
        """Seconds; a millisecond after `start` at least, as players want it."""
        return max(self.words[-1].end, self.start + 0.001)

    @property
    def text(self) -> str:
        """One line, however the words came."""
        return " ".join("".join(word.text for word in self.words).split())

    def with_word(self, word: Word) -> "Cue":
        return Cue((*self.words, word), self.speaker)


def wrapped(text: str) -> list[str]:
    """Break text into lines of at most `WIDTH` columns."""
    return textwrap.wrap(text, WIDTH) or [""]


def fits_a_screen(cue: Cue) -> bool:
    """Say whether a cue can be read in two lines and a few seconds."""
    name = f"{cue.speaker}: " if cue.speaker else ""
    return cue.end - cue.start <= LONGEST_S and len(wrapped(name + cue.text)) <= LINES


def fits_a_line(cue: Cue) -> bool:
    """Say whether a cue is short enough for a line of a plain text."""
    return len(cue.text) <= 400


class Cues:
    """Collect finals into cues: `push` returns those that are complete, `open` still grows."""

    def __init__(self, fits: Callable[[Cue], bool]) -> None:
        self.open: Cue | None = None
        self._fits = fits

    def push(self, caption: Caption) -> list[Cue]:
        complete = []
        for word in caption.words:
            longer = Cue((word,), caption.speaker)
            if self.open is not None and not _continues(self.open, word, caption.speaker):
                complete.append(self.open)
            elif self.open is not None:
                longer = self.open.with_word(word)
                if not self._fits(longer):
                    head, longer = self._divided(longer)
                    complete.append(head)
            self.open = longer
        return complete

    def _divided(self, cue: Cue) -> tuple[Cue, Cue]:
        """Cut a cue that is too long by its last word where that reads best."""
        last = len(cue.words) - 1
        cuts = [
            (Cue(cue.words[:at], cue.speaker), Cue(cue.words[at:], cue.speaker))
            for at in range(1, last + 1)
        ]
        fitting = [cut for cut in cuts if self._fits(cut[1])] or cuts[-1:]
        return max(reversed(fitting), key=lambda cut: _how_well(*cut))


def _continues(cue: Cue, word: Word, speaker: str | None) -> bool:
    if speaker != cue.speaker or not cue.start <= word.start <= cue.end + PAUSE_S:
        return False
    return not (_ends_with(SENTENCE_ENDS, cue) and word.text[:1].isspace())


def _how_well(head: Cue, tail: Cue) -> tuple[bool, bool, float]:
    """How well a cut between two cues reads; more is better."""
    between_words = tail.words[0].text[:1].isspace()
    if head.end - head.start < SHORTEST_S:
        return between_words, False, 0.0
    pause = tail.start - head.end
    return between_words, _ends_with(CLAUSE_ENDS, head), pause if pause >= BREATH_S else 0.0


def _ends_with(marks: tuple[str, ...], cue: Cue) -> bool:
    text = cue.text.rstrip(CLOSERS)
    return text.endswith(marks) and text.rpartition(" ")[2] not in TITLES
