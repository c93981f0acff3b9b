"""What a pass hears, and what it is told of it."""

from collections.abc import Sequence

from tap_live.captions.recogniser import Heard
from tap_live.captions.vad import RATE
from tap_live.processor import Audio
from tap_live.ring import RingBuffer

SHORTEST = 3 * RATE  # samples that are left behind at once


class Context:
    """The stream since the last cut: its audio, and the words of it that are final.

    Between regions nobody speaks, or nobody who is captioned: it is heard as silence.
    """

    def __init__(self, held: RingBuffer, start: int) -> None:
        self.cut = start
        self.words: list[Heard] = []  # final, with positions in the stream
        self._held = held
        self._gaps: list[tuple[int, int]] = []

    @property
    def prefix(self) -> tuple[int, ...]:
        """Tokens of the words that are final."""
        return tokens_of(self.words)

    def silence(self, start: int, stop: int) -> None:
        """Hear nothing in a stretch."""
        if stop > start:
            self._gaps.append((start, stop))

    def read(self, stop: int) -> Audio:
        """Return the audio from the cut up to `stop`."""
        audio = self._held.read(self.cut, stop)
        for first, last in self._gaps:
            audio[max(0, first - self.cut) : max(0, last - self.cut)] = 0
        return audio

    def shorten(self, following: Sequence[Heard]) -> None:
        """Cut at the longest pause between two final words; `following` come after them."""
        words = [*self.words, *following]
        count = _best_cut(words, len(self.words), self.cut)
        last, after = words[count - 1], words[count : count + 1]
        self.drop(count, (last.end + after[0].start) // 2 if after else last.end)

    def since(self, cut: int) -> "Context":
        """Return a context that knows nothing of what was before `cut`, nor of gaps there."""
        assert all(last <= cut for _, last in self._gaps)
        return Context(self._held, cut)

    def drop(self, count: int, cut: int) -> None:
        """Leave `count` words and the audio before `cut` behind."""
        self.words = self.words[count:]
        self.cut = max(cut, self.cut)
        self._gaps = [(first, last) for first, last in self._gaps if last > self.cut]


def tokens_of(words: Sequence[Heard]) -> tuple[int, ...]:
    return tuple(token for word in words for token in word.tokens)


def _best_cut(words: Sequence[Heard], finals: int, start: int) -> int:
    """Return how many final words to leave behind; the end of a sentence counts as a pause."""
    best, longest = finals, -1.0
    for count in range(1, finals + 1):
        last, after = words[count - 1], words[count : count + 1]
        pause = (after[0].start - last.end) / RATE if after else 0.0
        pause += 0.5 * last.text.endswith((".", "?", "!"))
        if last.end - start >= SHORTEST and pause >= longest:
            best, longest = count, pause
    return best
