"""A whole recording to text: window after window of 30 s, each begun where words ended.

Whisper's own way with long audio (OpenAI's `whisper/transcribe.py`): timestamps say how
far a window can be trusted, the text so far leads the next window, and what looks like
silence or goes round in circles is left out.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tap_live.events import Word
from tap_live.processor import Audio
from tap_live.whisper.decoding import (
    FALLBACK,
    DecodingOptions,
    Hypothesis,
    decode,
    tokenizer_of,
)
from tap_live.whisper.features import HOP, MAX_FRAMES, RATE, TOKEN_FRAMES, log_mel
from tap_live.whisper.model import Prompt, Whisper
from tap_live.whisper.timing import TimedWord, typical_duration, word_times
from tap_live.whisper.tokens import Tokenizer

SHORTEST = RATE // 10  # samples; nothing can be said in less
CYCLES = 3  # of the same tokens on end are a loop
LONGEST_CYCLE = 24  # tokens
MOST_SHOWN = 223  # tokens; half the decoder's context, less the mark in front


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """How to transcribe a recording."""

    decoding: DecodingOptions = field(
        default_factory=lambda: DecodingOptions(beam=5, temperatures=FALLBACK)
    )
    follow_text: bool = True  # show each window the text before it
    forget_above: float = 0.5  # temperature of an answer that the next window is not shown


@dataclass(frozen=True)
class Segment:
    """What was said between two pauses; times in seconds of the recording."""

    start: float
    end: float
    text: str
    words: tuple[Word, ...]
    tokens: tuple[int, ...]
    language: str
    average_logprob: float  # of its window, like those below
    no_speech: float
    compression_ratio: float
    temperature: float


class Cut(NamedTuple):
    """The tokens between two timestamps, in seconds."""

    start: float
    end: float
    tokens: tuple[int, ...]


def transcribe(
    model: Whisper,
    audio: Audio | Iterable[Audio],
    options: BatchOptions | None = None,
    *,
    prompt: Prompt | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Segment]:
    """Say what is said in 16 kHz audio, given whole or in blocks; hold one window of it.

    `progress` is told the position, in samples, up to which it is done.
    """
    options = options or BatchOptions()
    decoding, tape = options.decoding, _Tape(audio)
    lead = 0 if prompt is None else TOKEN_FRAMES * (1 + model.dims.prompt_length)
    tokenizer = tokenizer_of(model)
    position, spoken_until = 0, 0.0
    while len(window := tape.read(position, (MAX_FRAMES - lead) * HOP)) >= SHORTEST:
        seconds = len(window) / RATE
        mel = np.pad(log_mel(window, MAX_FRAMES - lead), ((0, 0), (lead, 0)))
        encoded = model.encode(mel[None], prompt)
        heard = decode(model, encoded, decoding, prompt)
        silent = heard.silent(decoding)
        # A language that was heard in silence is none.
        language = decoding.language if silent else heard.language
        decoding = replace(decoding, language=language, prefix=(), draft=())
        used = seconds
        if not silent:
            if heard.repeats(decoding):
                heard = _shortened(heard, len(without_loop(tokenizer, heard.tokens)))
            cuts, closed = segment_cuts(tokenizer, heard.tokens, seconds)
            heard = _shortened(heard, sum(len(cut.tokens) for cut in cuts))
            words = word_times(model, encoded, heard, seconds, prompt)
            if not closed:  # more may be said after the last word
                used = words[-1].end if words else cuts[-1].end
            for segment in _segments(tokenizer, cuts, words, heard, position, spoken_until):
                yield segment
                spoken_until = segment.end
            decoding = replace(decoding, previous=_shown(decoding.previous, heard, options))
        position += min(len(window), max(SHORTEST, round(used * RATE)))
        if progress is not None:
            progress(position)


def segment_cuts(
    tokenizer: Tokenizer, tokens: Sequence[int], seconds: float
) -> tuple[list[Cut], bool]:
    """Cut the answer for a window of `seconds` at its timestamps; say if it is complete.

    Two timestamps side by side end one segment and begin the next. Tokens after the last
    such pair are an unfinished segment, left out for the next window to say; a single
    timestamp at the very end says that nothing comes after it.
    """
    times = [token >= tokenizer.first_timestamp for token in tokens]
    pairs = [n for n in range(1, len(tokens)) if times[n - 1] and times[n]]
    closed = times[-2:] == [False, True]
    if not pairs:
        last = max((tokenizer.seconds(token) for token in tokens), default=0.0)
        end = min(last, seconds) if last > 0 else seconds
        return [Cut(0.0, end, tuple(tokens))], closed
    bounds = [0, *pairs, len(tokens)] if closed else [0, *pairs]
    cuts = []
    for first, after in pairwise(bounds):
        start, end = tokenizer.seconds(tokens[first]), tokenizer.seconds(tokens[after - 1])
        cuts.append(Cut(min(start, seconds), min(end, seconds), tuple(tokens[first:after])))
    return cuts, closed


def without_loop(tokenizer: Tokenizer, tokens: Sequence[int]) -> tuple[int, ...]:
    """Cut where the same words come for the third time on end, keeping the first."""
    places = [n for n, token in enumerate(tokens) if token < tokenizer.eot]
    text = [tokens[n] for n in places]
    for first in range(len(text)):
        for length in range(1, min(LONGEST_CYCLE, (len(text) - first) // CYCLES) + 1):
            cycle = text[first : first + length]
            if text[first : first + CYCLES * length] == CYCLES * cycle:
                return tuple(tokens[: places[first + length - 1] + 1])
    return tuple(tokens)


class _Tape:
    """Audio that is read forwards, window by window; what lies before one is let go."""

    def __init__(self, audio: Audio | Iterable[Audio]) -> None:
        self._blocks = _pieces(audio)
        self._start = 0
        self._kept = np.zeros(0, np.float32)

    def read(self, start: int, length: int) -> Audio:
        """Return up to `length` samples from `start` on, fewer at the end of the audio."""
        self._kept = self._kept[start - self._start :]
        self._start = start
        pieces, missing = [self._kept], length - len(self._kept)
        while missing > 0 and (piece := next(self._blocks, None)) is not None:
            pieces.append(piece)
            missing -= len(piece)
        self._kept = np.concatenate(pieces)
        return self._kept[:length]


def _pieces(audio: Audio | Iterable[Audio]) -> Iterator[Audio]:
    for block in [audio] if isinstance(audio, np.ndarray) else audio:
        for first in range(0, len(block), RATE):
            yield block[first : first + RATE]


def _shortened(heard: Hypothesis, count: int) -> Hypothesis:
    """Keep the first `count` tokens."""
    if count == len(heard.tokens):
        return heard
    return replace(
        heard,
        tokens=heard.tokens[:count],
        token_logprobs=heard.token_logprobs[:count],
        attention=None,
    )


def _shown(previous: Sequence[int], heard: Hypothesis, options: BatchOptions) -> tuple[int, ...]:
    """Return the text that the next window is shown: none that may lead it astray."""
    astray = heard.temperature > options.forget_above or heard.repeats(options.decoding)
    if astray or not options.follow_text:
        return ()
    return (*previous, *heard.tokens)[-MOST_SHOWN:]


def _segments(
    tokenizer: Tokenizer,
    cuts: Sequence[Cut],
    words: Sequence[TimedWord],
    heard: Hypothesis,
    position: int,
    spoken_until: float,
) -> Iterator[Segment]:
    """Give each cut its words, and move everything to its place in the recording."""
    typical, offset, left = typical_duration(words), position / RATE, [*words]
    for cut in cuts:
        count = sum(token < tokenizer.eot for token in cut.tokens)
        own: list[TimedWord] = []
        while left and count > 0:
            own.append(left.pop(0))
            count -= len(own[-1].tokens)
        if not own:
            continue
        cut, own = settled(cut, own, spoken_until - offset, typical)
        spoken_until = offset + cut.end
        yield Segment(
            start=offset + cut.start,
            end=offset + cut.end,
            text="".join(word.text for word in own).strip(),
            words=tuple(Word(w.text, offset + w.start, offset + w.end, w.p) for w in own),
            tokens=cut.tokens,
            language=heard.language,
            average_logprob=heard.average_logprob,
            no_speech=heard.no_speech,
            compression_ratio=heard.compression_ratio,
            temperature=heard.temperature,
        )


def settled(
    cut: Cut, words: Sequence[TimedWord], spoken_until: float, typical: float
) -> tuple[Cut, list[TimedWord]]:
    """Agree the times of a segment and of its first and last word.

    Beside a pause a word's times are the less sure; after one, the first two words last
    at most twice the `typical` time. Where word and timestamp are more than half a second
    apart, the timestamp is believed.
    """
    words = list(words)
    first, limit = words[0], 2 * typical
    pair = words[1].end - first.start if len(words) > 1 else 0.0
    if first.end - spoken_until > 2 * limit and (
        first.end - first.start > limit or pair > 2 * limit
    ):
        if len(words) > 1 and words[1].end - words[1].start > limit:
            boundary = words[1].end - limit
            words[1] = replace(words[1], start=boundary)
            first = replace(first, end=boundary)
        words[0] = first = replace(first, start=max(0.0, first.end - limit))
    start, end = first.start, words[-1].end
    if first.start + 0.5 < cut.start < first.end:
        start = max(0.0, min(first.end - typical, cut.start))
        words[0], start = replace(first, start=start), cut.start
    last = words[-1]
    if last.start < cut.end < last.end - 0.5:
        words[-1] = replace(last, end=max(last.start + typical, cut.end))
        end = cut.end
    return Cut(start, end, cut.tokens), words
