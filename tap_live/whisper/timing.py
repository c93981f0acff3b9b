"""When each word was said: where the decoder looked while it wrote it.

The alignment heads' cross-attention, normalised and smoothed, is a picture of tokens
over time; dynamic time warping finds the path of most attention through it, and a word
lasts from its first token's place on that path to the next word's. Facts of OpenAI's
`whisper/timing.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tap_live.whisper.decoding import Hypothesis, tokenizer_of
from tap_live.whisper.model import Encoded, Prompt, Whisper
from tap_live.whisper.search import Attention
from tap_live.whisper.tokens import Tokenizer

POSITION_SECONDS = 0.02  # one encoder position
JOINS_NEXT = "\"'“¿([{-"
JOINS_PREVIOUS = "\"'.。,，!！?？:：”)]}、"
SENTENCE_ENDS = ".。!！?？"


@dataclass(frozen=True)
class TimedWord:
    """One word as Whisper writes it (with the space before it), and when it was said."""

    text: str
    tokens: tuple[int, ...]
    start: float  # seconds from the beginning of the window
    end: float
    p: float  # mean probability of its tokens


def word_times(
    model: Whisper,
    encoded: Encoded,
    hypothesis: Hypothesis,
    seconds: float,
    prompt: Prompt | None = None,
) -> tuple[TimedWord, ...]:
    """Find the words of a hypothesis in the `seconds` of audio that were encoded.

    Costs one call of the decoder, unless the hypothesis brings its attention along.
    """
    tokenizer = tokenizer_of(model)
    said = [
        (token, logprob)
        for token, logprob in zip(hypothesis.tokens, hypothesis.token_logprobs, strict=True)
        if token < tokenizer.eot
    ]
    if not said:
        return ()
    tokens = [token for token, _ in said]
    attention = hypothesis.attention
    if attention is None:
        attention = _attention(model, tokenizer, encoded, tokens, hypothesis.language, prompt)
    if prompt is not None:  # positions in front of the audio that only hold the prompt's place
        attention = attention[..., 1 + model.dims.prompt_length :]
    audible = attention[..., : max(1, round(seconds / POSITION_SECONDS))]
    boundaries = token_starts(audible, len(tokens) + 1) * POSITION_SECONDS
    groups = tokenizer.words(tokens, hypothesis.language)
    words = _timed(tokenizer, groups, boundaries, np.exp([logprob for _, logprob in said]))
    return tuple(_clipped(word, seconds) for word in joined(shortened(words)))


def token_starts(attention: Attention, count: int) -> NDArray[np.intp]:
    """Find where the last `count` of the tokens read begin.

    Args:
        attention: (A, N, T') with every token read, the start tokens too: what all of
            them look at says nothing about one.

    Returns: (count,) encoder positions that never go back.
    """
    weights = attention / attention.sum(axis=-1, keepdims=True)
    spread = np.maximum(weights.std(axis=-2, keepdims=True), np.finfo(np.float32).tiny)
    weights = (weights - weights.mean(axis=-2, keepdims=True)) / spread
    picture = median_of_7(weights[:, -count:]).mean(axis=0)  # (count, T')
    return warp(-picture)


def median_of_7(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Replace each value by the median of 7 around it along the last axis, mirrored at the ends.

    A sorting network over whole arrays: many times faster than sorting each window.
    """
    if x.shape[-1] <= 3:
        return x
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(3, 3)], mode="reflect")
    lanes = [padded[..., n : n + x.shape[-1]] for n in range(7)]
    for low, high in _MEDIAN_NETWORK:
        a, b = lanes[low], lanes[high]
        lanes[low], lanes[high] = np.minimum(a, b), np.maximum(a, b)
    return lanes[3]


# Compare-exchanges that leave the median in lane 3 (Devillard, "Fast median search", 1998).
_MEDIAN_NETWORK = (
    *((0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6)),
    *((2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4)),
)


def warp(cost: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the column in which the cheapest monotonic path enters each row of (N, M) costs.

    Dynamic time warping, a whole row at once. In a row, the total at column j is
    D[j] = c[j] + min(a[j], D[j - 1]), where a[j] = min(above[j - 1], above[j]). With
    S the running sum of c, D[j] - S[j] = min(a[j] - S[j - 1], D[j - 1] - S[j - 1]):
    a running minimum. The column that holds it is where the path enters the row.
    """
    rows, columns = cost.shape
    entries = np.zeros((rows, columns), np.intp)
    diagonal = np.zeros((rows, columns), np.bool_)
    above = np.full(columns + 1, np.inf)  # total of the row above, one column ahead
    above[0] = 0.0
    for row, costs in enumerate(cost.astype(np.float64)):
        sums = np.cumsum(costs)
        diagonal[row] = above[:-1] <= above[1:]
        offers = np.minimum(above[:-1], above[1:]) - (sums - costs)
        lowest = np.minimum.accumulate(offers)
        new = np.concatenate([[True], offers[1:] < lowest[:-1]])
        entries[row] = np.maximum.accumulate(np.where(new, np.arange(columns), 0))
        above = np.concatenate([[np.inf], lowest + sums])
    starts = np.zeros(rows, np.intp)
    column = columns - 1
    for row in range(rows - 1, -1, -1):
        starts[row] = entries[row, column]
        column = int(starts[row]) - int(diagonal[row, starts[row]])
    return starts


def shortened(words: Sequence[TimedWord]) -> list[TimedWord]:
    """Cut words at the ends of sentences that last twice as long as the median word.

    Beside a pause the path may spend the pause in a word.
    """
    limit = 2 * typical_duration(words)
    result = list(words)
    for n in range(1, len(result)):
        word = result[n]
        if word.end - word.start > limit > 0:
            if word.text in SENTENCE_ENDS:
                result[n] = replace(word, end=word.start + limit)
            elif result[n - 1].text in SENTENCE_ENDS:
                result[n] = replace(word, start=word.end - limit)
    return result


def typical_duration(words: Sequence[TimedWord]) -> float:
    """Return the median duration of words that have one, at most 0.7 s; 0 if there are none."""
    durations = [word.end - word.start for word in words if word.end > word.start]
    return min(0.7, float(np.median(durations))) if durations else 0.0


def joined(words: Sequence[TimedWord]) -> list[TimedWord]:
    """Write punctuation with the word that it belongs to; times stay the word's own."""
    opened: list[TimedWord] = []
    for word in reversed(words):
        mark = word.text.startswith(" ") and word.text.strip() in JOINS_NEXT
        if opened and mark:
            opened[-1] = _spelled(opened[-1], word, opened[-1])
        else:
            opened.append(word)
    closed: list[TimedWord] = []
    for word in reversed(opened):
        if closed and word.text in JOINS_PREVIOUS and not closed[-1].text.endswith(" "):
            closed[-1] = _spelled(closed[-1], closed[-1], word)
        else:
            closed.append(word)
    return closed


def _spelled(word: TimedWord, first: TimedWord, second: TimedWord) -> TimedWord:
    return replace(word, text=first.text + second.text, tokens=first.tokens + second.tokens)


def _attention(
    model: Whisper,
    tokenizer: Tokenizer,
    encoded: Encoded,
    tokens: Sequence[int],
    language: str,
    prompt: Prompt | None,
) -> Attention:
    """Read text tokens once more, without times and without the text before."""
    start = tokenizer.start(language, "transcribe", timestamps=False)
    read = np.array([[*start, *tokens]], np.int64)
    attention: Attention = model.decode(read, model.start(encoded, prompt), last=1)[1][0]
    return attention


def _timed(
    tokenizer: Tokenizer,
    groups: Sequence[Sequence[int]],
    boundaries: NDArray[np.floating],
    probabilities: NDArray[np.floating],
) -> list[TimedWord]:
    words = []
    first = 0
    for group in groups:
        after = first + len(group)
        words.append(
            TimedWord(
                text=tokenizer.decode(group),
                tokens=tuple(group),
                start=float(boundaries[first]),
                end=float(boundaries[after]),
                p=float(probabilities[first:after].mean()),
            )
        )
        first = after
    return words


def _clipped(word: TimedWord, seconds: float) -> TimedWord:
    return replace(word, start=min(word.start, seconds), end=min(word.end, seconds))
