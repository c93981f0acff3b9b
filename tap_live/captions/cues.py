"""Finals, which are a few words each, put together into what is read at once.

A cue ends before a word of another speaker, after a pause, after a sentence, or when the
next word does not fit. The newest cue may still grow.
"""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from tap_live.events import Caption, Word

WIDTH = 42  # columns
LINES = 2
LONGEST_S = 7.0
PAUSE_S = 1.0
SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")


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
            if self.open is not None and self._continues(self.open, word, caption.speaker):
                self.open = self.open.with_word(word)
                continue
            if self.open is not None:
                complete.append(self.open)
            self.open = Cue((word,), caption.speaker)
        return complete

    def _continues(self, cue: Cue, word: Word, speaker: str | None) -> bool:
        if speaker != cue.speaker or not cue.start <= word.start <= cue.end + PAUSE_S:
            return False
        if cue.text.endswith(SENTENCE_ENDS) and word.text[:1].isspace():
            return False
        return self._fits(cue.with_word(word))
