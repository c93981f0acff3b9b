"""Where captions that follow late meet those that came in time: every word once, in order.

A captioner that goes on behind a skipped part hears half of a word as often as not, and the
late one, which hears the same sound with what lies around it, times it otherwise. So words
are joined by what they are, and by their times only where that tells nothing.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from tap_live.captions.agreement import bare
from tap_live.events import Caption, Word

NEAR_S = 3.0  # of an edge, where words may be said twice
SAME_S = 0.6  # a word of two captioners may move by this much and still be the same
WORD_S = 1.0  # before an edge, in which a word that it cut may have begun


@dataclass(frozen=True)
class Spoken:
    """A word by what is pronounced; times in seconds, of either direction."""

    text: str
    start: float
    end: float

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


class Seam:
    """A part of a stream that was skipped, between words that were not.

    Args:
        said: the words that were captioned in time, in any order.
        begin, end: of the part, in seconds.
    """

    def __init__(self, said: Sequence[Word], begin: float, end: float) -> None:
        ours = sorted((_spoken(word) for word in said), key=lambda one: one.middle)
        centre = (begin + end) / 2
        self._begin, self._end = begin, end
        self._before = [one for one in ours if begin - NEAR_S <= one.middle < centre]
        self._after = [one for one in ours if centre <= one.middle < end + NEAR_S]
        self._from = self._before[-1].end if self._before else -math.inf
        self._to = self._after[0].start if self._after else math.inf

    def far_from(self, caption: Caption) -> bool:
        """Whether it lies inside, where nothing that comes later can say the same again."""
        return self._begin + NEAR_S < caption.end < self._end - NEAR_S

    def missing(self, captions: Sequence[Caption]) -> Iterator[Caption]:
        """Yield what of late captions was not said yet, marked late.

        Args:
            captions: consecutive ones, that hold all or nothing of what lies near an edge.
        """
        words = [_spoken(word) for caption in captions for word in caption.words]
        first = _first_new(words, self._before, self._begin)
        back = _first_new(_mirrored(words), _mirrored(self._after), -self._end)
        last, index = len(words) - back, 0
        for caption in captions:
            kept = caption.words[max(0, first - index) : max(0, last - index)]
            index += len(caption.words)
            if kept:
                yield self._late(caption, [self._between(word) for word in kept])

    def _between(self, word: Word) -> Word:
        """Let no word last into those around the part."""
        start = min(max(word.start, self._from), self._to)
        return replace(word, start=start, end=max(start, min(word.end, self._to)))

    def _late(self, caption: Caption, words: Sequence[Word]) -> Caption:
        start, end = words[0].start, words[-1].end
        return replace(caption, start=start, end=end, words=tuple(words), late=True)


def _first_new(heard: Sequence[Spoken], said: Sequence[Spoken], edge: float) -> int:
    """Count the first words that were said already, or lie too far before the edge to be new."""
    count = bisect_left(heard, edge - WORD_S, key=lambda one: one.end)
    known = ((age, _place(one, heard)) for age, one in enumerate(reversed(said)))
    age, place = next(((age, place) for age, place in known if place is not None), (-1, -1))
    count = max(count, place + 1)
    if said and age != 0:  # the last was heard as something else, or not at all
        count = max(count, bisect_left(heard, said[-1].end, key=lambda one: one.middle))
    elif not said:
        count = max(count, bisect_right(heard, edge, key=lambda one: one.end))
    return count


def _place(one: Spoken, heard: Sequence[Spoken]) -> int | None:
    """Where a word was heard again: the nearest that sounds the same."""
    far = {
        index: abs(other.middle - one.middle)
        for index, other in enumerate(heard)
        if other.text == one.text
    }
    near = [index for index, seconds in far.items() if seconds <= SAME_S]
    return min(near, key=far.__getitem__, default=None)


def _spoken(word: Word) -> Spoken:
    return Spoken(bare(word.text), word.start, word.end)


def _mirrored(words: Sequence[Spoken]) -> list[Spoken]:
    """The same with time running backwards."""
    return [Spoken(one.text, -one.end, -one.start) for one in reversed(words)]
