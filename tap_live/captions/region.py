"""One region of speech: read in passes, until every word of it is final."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tap_live.captions.agreement import agreed
from tap_live.captions.config import StreamingConfig
from tap_live.captions.context import Context, tokens_of
from tap_live.captions.guards import believed, plausible
from tap_live.captions.language import Language
from tap_live.captions.recogniser import Heard, Recogniser, Request
from tap_live.captions.vad import RATE, WINDOW, Edge
from tap_live.events import Caption, Word

AFTERMATH = 0.1  # seconds after speech in which a word may still be said to begin
SKIPPED = 1.2  # seconds of speech before the first word: the words there were left out


@dataclass
class Numbers:
    """What captions are counted by: the stream's seconds at position 0, the next id."""

    start: float
    id: int

    def seconds(self, position: int) -> float:
        return round(self.start + position / RATE, 3)


class Region:
    """Read speech again as it grows, and say what has become certain.

    Until what is heard is believed to be speech, passes hear the region alone and nothing
    is said; then they hear the speech before it as well, which makes them better.
    """

    def __init__(
        self,
        edge: Edge,
        recogniser: Recogniser,
        config: StreamingConfig,
        language: Language,
        numbers: Numbers,
        alone: Context,
        context: Context,
        hold: int,
    ) -> None:
        """Begin at an edge.

        Args:
            edge: of kind "start".
            alone: a context that begins with the region.
            context: the context of the speech before, or `alone` if there is none.
            hold: samples after the end of a word before which it does not become final.
        """
        self._recogniser, self._config, self._numbers = recogniser, config, numbers
        self._language = language
        self.speaker, self._confidence = edge.speaker, edge.confidence
        self._interval, self._hold = round(config.interval * RATE), hold
        self._start = edge.position
        self._alone, self.context = alone, context
        self._tongue = ""
        self._believed = False
        self._open: tuple[Heard, ...] = ()  # words of the last pass that are not final
        self._agreed = 0  # of them, that the pass before had too
        self.heard = edge.position  # where the last pass ended
        self._fresh = edge.noticed - edge.position  # new speech since then
        self._afresh = -1  # from where speech that was skipped was last heard afresh
        self._paused = False
        self._silence = round((config.segmenter.pause - AFTERMATH) * RATE)
        self._revision = 0
        self._shown = False  # there is a partial with the current id
        language.begin_region()

    def step(self, position: int) -> list[Caption]:
        """Take note of another 32 ms, up to `position`."""
        captions = self._settle(position)
        if self._paused:
            return captions
        self._fresh += WINDOW
        return captions + self._read(position) if self._fresh >= self._interval else captions

    def pause(self, position: int) -> list[Caption]:
        """Read at once what was said, for nothing may follow."""
        self._paused = True
        return self._read(position)

    def resume(self, edge: Edge) -> None:
        """Go on; what a gate held back meanwhile is new speech already."""
        self._paused = False
        self._fresh += edge.noticed - edge.position - WINDOW  # a step counts the newest

    def end(self, position: int) -> list[Caption]:
        """Make all words final."""
        if position != self.heard:
            self._open = self._hear(position)
        captions = self._say(len(self._open))
        if self._shown:
            captions.append(self._caption("partial", ()))
        return captions

    def _read(self, position: int) -> list[Caption]:
        before, self._open = self._open, self._hear(position)
        self._agreed = agreed(before, self._open)
        captions = self._say(self._certain(position)) + self._shorten(position)
        if self._open or self._shown:
            captions.append(self._caption("partial", self._open))
        return captions

    def _settle(self, position: int) -> list[Caption]:
        """Make final what has grown old enough since the last pass."""
        captions = self._say(self._certain(position))
        if captions and self._open:
            captions.append(self._caption("partial", self._open))
        return captions

    def _certain(self, position: int) -> int:
        """Count the first open words that two passes agreed on and that are old enough."""
        words = enumerate(self._open[: self._agreed])
        return next((n for n, w in words if w.end > position - self._wait(w)), self._agreed)

    def _wait(self, word: Heard) -> int:
        """Return how long after its end a word becomes final; what is doubtful, later."""
        return self._hold + round((1 - word.p) * self._config.doubt * RATE)

    def _hear(self, position: int) -> tuple[Heard, ...]:
        """Return the words after those that are final."""
        self.heard, self._fresh = position, 0
        if not self._believed:
            return self._decode(self._alone, position)
        words = self._decode(self.context, position)
        after = self._final_until()
        if self._skipped(words, after, position) and after > max(self.context.cut, self._afresh):
            self._afresh = after
            afresh = self.context.since(after)
            again = self._decode(afresh, position)
            if not self._skipped(again, after, position):
                self.context, words = afresh, again
        return words

    def _final_until(self) -> int:
        """Return where the final words of this region end."""
        words = self.context.words
        return max(self._start, words[-1].end) if words else self._start

    def _skipped(self, words: Sequence[Heard], after: int, position: int) -> bool:
        """Whether more than `SKIPPED` s of speech gave no word: it was taken for what is known."""
        first = words[0].start if words else self._spoken_until(position)
        return first - after > SKIPPED * RATE

    def _decode(self, context: Context, position: int) -> tuple[Heard, ...]:
        audio = context.read(position)
        self._tongue = self._language.of(audio[max(0, self._start - context.cut) :])
        hypothesis = self._recogniser.recognise(
            Request(
                audio=audio,
                prefix=context.prefix,
                draft=tokens_of(self._open),
                language=self._tongue,
            )
        )
        words = plausible(hypothesis.words, self._spoken_until(position) - context.cut)
        self._believed = self._believed or (
            len(words) > 0 and believed(hypothesis, words, self._config.guards)
        )
        if not self._believed:
            return ()
        return tuple(_moved(word, context.cut) for word in words)

    def _spoken_until(self, position: int) -> int:
        """Return where the speech ended in a pass up to `position`."""
        return position - self._silence if self._paused else position

    def _say(self, count: int) -> list[Caption]:
        """Make the first `count` open words final, under the id that their partials had."""
        said, self._open = self._open[:count], self._open[count:]
        if not said:
            return []
        self._agreed = max(0, self._agreed - count)
        caption = self._caption("final", said)
        self.context.words += said
        self._numbers.id += 1
        self._revision, self._shown = 0, False
        return [caption]

    def _shorten(self, position: int) -> list[Caption]:
        """Keep passes from growing."""
        context = self.context if self._believed else self._alone
        excess = (position - context.cut) / RATE - self._config.window
        if excess >= 0 and context.words:
            context.shorten(self._open)
            return []
        if excess < self._config.patience:
            return []
        # Passes have not agreed on anything for long: take the last one's word for it.
        old = sum(word.end <= position - RATE for word in self._open)
        captions = self._say(old)
        context.drop(len(context.words), context.words[-1].end if old else position - RATE)
        if not self._believed:
            self.context = context  # what went before is too far away by now
        return captions

    def _caption(self, state: Literal["partial", "final"], words: Sequence[Heard]) -> Caption:
        seconds = self._numbers.seconds
        caption = Caption(
            id=self._numbers.id,
            revision=self._revision,
            state=state,
            start=seconds(words[0].start if words else self.heard),
            end=seconds(words[-1].end if words else self.heard),
            words=tuple(
                Word(w.text, seconds(w.start), seconds(w.end), round(w.p, 3)) for w in words
            ),
            speaker=self.speaker,
            confidence=self._confidence,
            language=self._tongue,
        )
        self._revision += 1
        self._shown = bool(words)
        return caption


def _moved(word: Heard, by: int) -> Heard:
    return Heard(word.text, word.tokens, word.start + by, word.end + by, word.p)
