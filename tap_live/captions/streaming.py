"""Captions of a stream while it is being said.

captioner = StreamingCaptioner(recogniser, Vad.open())
captions = captioner.push(block) + ... + captioner.flush()

Speech is read again and again, one pass every `interval` of new speech: each pass hears
the audio since the last cut, is told which words of it are final already, and says what
follows them. Words that two passes agree on become final; so does all the rest when the
region of speech ends. When the audio of a pass has grown to `window`, it is cut between two
final words, so that a pass never costs more than that.

Passes are scheduled by the stream's positions, never by a clock: the same stream gives
the same captions however it comes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from tap_live.captions.agreement import agreed
from tap_live.captions.gate import Everyone, Gate
from tap_live.captions.guards import GuardConfig, believed, within, without_loops
from tap_live.captions.recogniser import Heard, Recogniser, Request
from tap_live.captions.vad import RATE, WINDOW, Edge, Segmenter, SegmenterConfig, Vad
from tap_live.errors import ConfigError
from tap_live.events import Caption, Word
from tap_live.processor import Audio
from tap_live.ring import RingBuffer

HELD_S = 30  # seconds of audio kept, more than any pass hears


@dataclass(frozen=True, kw_only=True)
class StreamingConfig:
    """When the speech is read and how much of it; lengths in seconds."""

    interval: float = 0.7  # new speech between two passes
    window: float = 10.0  # audio of a pass, beyond which it is cut
    prompt: int = 0  # tokens of the region's earlier finals that a pass is told
    language: str | None = None  # None: found out, where the model knows several
    segmenter: SegmenterConfig = field(default_factory=SegmenterConfig)
    guards: GuardConfig = field(default_factory=GuardConfig)

    def __post_init__(self) -> None:
        if not 0.1 <= self.interval <= 5:
            raise ConfigError(f"interval={self.interval} s between passes: want 0.1 to 5")
        if not 3 <= self.window <= 20:
            raise ConfigError(f"window={self.window} s of audio for a pass: want 3 to 20")


class StreamingCaptioner:
    """Turn 16 kHz audio into captions; a Processor.

    A final has the id of the partials before it and holds the words that became final
    together. A partial without words takes back the last one.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        vad: Vad,
        *,
        config: StreamingConfig | None = None,
        gate: Gate | None = None,
        start: float = 0.0,
        first_id: int = 0,
    ) -> None:
        """Begin at `start` seconds of the stream, with captions numbered from `first_id`."""
        self._config = config or StreamingConfig()
        self._recogniser = recogniser
        self._vad = vad
        self._gate = gate or Everyone()
        self._segmenter = Segmenter(self._config.segmenter)
        self._origin = (start, first_id)
        self._waiting: Audio
        self.lookahead = round(2 * self._config.interval * RATE) + vad.lookahead
        self._restart()

    def push(self, block: Audio) -> list[Caption]:
        self._waiting = np.concatenate([self._waiting, block])
        whole = len(self._waiting) // WINDOW * WINDOW
        ready, self._waiting = self._waiting[:whole], self._waiting[whole:]
        captions: list[Caption] = []
        for window in ready.reshape(-1, WINDOW):  # (n, 512)
            captions += self._step(window)
        return captions

    def flush(self) -> list[Caption]:
        captions: list[Caption] = []
        if len(self._waiting):
            captions += self.push(np.zeros(WINDOW - len(self._waiting), np.float32))
        for edge in self._gate.flush(self._segmenter.flush()):
            captions += self._turn(edge)
        self._vad.flush()
        self._restart()
        return captions

    def _restart(self) -> None:
        self._waiting = np.zeros(0, np.float32)
        self._held = RingBuffer(HELD_S * RATE)
        self._numbers = _Numbers(*self._origin)
        self._region: Region | None = None

    def _step(self, window: Audio) -> list[Caption]:
        """Hear 32 ms: first what changed, then the pass that is due, if one is."""
        self._held.write(window)
        probabilities = self._vad.push(window)
        captions: list[Caption] = []
        for edge in self._gate.push(window, self._segmenter.push(probabilities)):
            captions += self._turn(edge)
        if self._region is not None:
            captions += self._region.step(self._held.end)
        return captions

    def _turn(self, edge: Edge) -> list[Caption]:
        if edge.kind == "start":
            assert self._region is None
            self._region = Region(edge, self._held, self._recogniser, self._config, self._numbers)
            return []
        assert self._region is not None
        if edge.kind == "resume":
            self._region.resume()
            return []
        if edge.kind == "pause":
            return self._region.pause(edge.position)
        captions = self._region.end(edge.position)
        self._region = None
        return captions


class _Numbers:
    """Ids of captions, and the stream's seconds."""

    def __init__(self, start: float, first: int) -> None:
        self.start = start
        self.id = first

    def seconds(self, position: int) -> float:
        return round(self.start + position / RATE, 3)


class Region:
    """One region of speech, from its first pass to its last final."""

    def __init__(
        self,
        edge: Edge,
        held: RingBuffer,
        recogniser: Recogniser,
        config: StreamingConfig,
        numbers: _Numbers,
    ) -> None:
        self._held, self._recogniser = held, recogniser
        self._config, self._numbers = config, numbers
        self._speaker, self._confidence = edge.speaker, edge.confidence
        self._interval = round(config.interval * RATE)
        self._cut = edge.position  # where passes begin to hear
        self._told: list[int] = []  # tokens said before the cut
        self._final: list[Heard] = []  # words after the cut that are final; positions in the stream
        self._open: tuple[Heard, ...] = ()  # words of the last pass that are not, likewise
        self._heard = edge.position  # where the last pass ended
        self._fresh = edge.noticed - edge.position  # new speech since then
        self._paused = False
        self._revision = 0
        self._shown = False  # there is a partial with the current id

    def step(self, position: int) -> list[Caption]:
        """Another 32 ms have been heard, up to `position`."""
        if self._paused:
            return []
        self._fresh += WINDOW
        return self._read(position) if self._fresh >= self._interval else []

    def pause(self, position: int) -> list[Caption]:
        """Read at once what was said, for nothing may follow."""
        self._paused = True
        return self._read(position)

    def resume(self) -> None:
        self._paused = False

    def end(self, position: int) -> list[Caption]:
        """Make all words final."""
        if position != self._heard:
            self._open = self._hear(position)
        return self._say(len(self._open))

    def _read(self, position: int) -> list[Caption]:
        before, self._open = self._open, self._hear(position)
        captions = self._say(agreed(before, self._open))
        if self._open or self._shown:
            captions.append(self._caption("partial", self._open))
        self._trim(position)
        return captions

    def _hear(self, position: int) -> tuple[Heard, ...]:
        """Return the words after the finals, with positions in the stream."""
        self._heard, self._fresh = position, 0
        audio = self._held.read(self._cut, position)
        prompt = self._told[-self._config.prompt :] if self._config.prompt else []
        hypothesis = self._recogniser.recognise(
            Request(
                audio=audio,
                prompt=tuple(prompt),
                prefix=_tokens(self._final),
                draft=_tokens(self._open),
            )
        )
        if not believed(hypothesis, self._config.guards):
            return ()
        words = within(without_loops(hypothesis.words), len(audio))
        return tuple(_moved(word, self._cut) for word in words)

    def _say(self, count: int) -> list[Caption]:
        """Make the first `count` open words final, under the id that their partials had."""
        said, self._open = self._open[:count], self._open[count:]
        if not said:
            return []
        caption = self._caption("final", said)
        self._final += said
        self._numbers.id += 1
        self._revision, self._shown = 0, False
        return [caption]

    def _caption(self, state: Literal["partial", "final"], words: Sequence[Heard]) -> Caption:
        seconds = self._numbers.seconds
        caption = Caption(
            id=self._numbers.id,
            revision=self._revision,
            state=state,
            start=seconds(words[0].start if words else self._heard),
            end=seconds(words[-1].end if words else self._heard),
            words=tuple(
                Word(w.text, seconds(w.start), seconds(w.end), round(w.p, 3)) for w in words
            ),
            speaker=self._speaker,
            confidence=self._confidence,
        )
        self._revision += 1
        self._shown = True
        return caption

    def _trim(self, position: int) -> None:
        """Cut between two final words when a pass hears too much."""
        if position - self._cut < self._config.window * RATE or not self._final:
            return
        count = _best_cut([*self._final, *self._open], len(self._final), self._cut)
        last, following = [*self._final, *self._open, None][count - 1 : count + 1]
        assert last is not None
        self._told += _tokens(self._final[:count])
        self._cut = (last.end + following.start) // 2 if following else last.end
        self._final = self._final[count:]


def _best_cut(words: Sequence[Heard], finals: int, cut: int) -> int:
    """Return how many words to leave behind: up to the longest pause after 3 s."""
    best, longest = finals, -1.0
    for count in range(1, finals + 1):
        last, following = words[count - 1], words[count : count + 1]
        pause = (following[0].start - last.end) / RATE if following else 0.0
        pause += 0.5 * last.text.endswith((".", "?", "!"))
        if last.end - cut >= 3 * RATE and pause >= longest:
            best, longest = count, pause
    return best


def _tokens(words: Sequence[Heard]) -> tuple[int, ...]:
    return tuple(token for word in words for token in word.tokens)


def _moved(word: Heard, by: int) -> Heard:
    return Heard(word.text, word.tokens, word.start + by, word.end + by, word.p)
