"""From an encoded window to its most likely words, as Whisper's own program decides.

Greedy or beam search, then sampling at rising temperatures while the answer repeats
itself or is improbable (OpenAI's `decode_with_fallback`).
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from tap_live.errors import BundleError, ConfigError
from tap_live.whisper.beam import InArrays, Ranking, beam_search, sample
from tap_live.whisper.beam_rows import OnDevice
from tap_live.whisper.model import Encoded, Prompt, Whisper
from tap_live.whisper.rows import greedy_rows
from tap_live.whisper.rules import Rules, log_softmax
from tap_live.whisper.search import Attention, Spoken, Window, greedy
from tap_live.whisper.tokens import Task, Tokenizer

FALLBACK = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True, kw_only=True)
class DecodingOptions:
    """How to search for the words of one window."""

    language: str | None = None  # None: heard from the window itself
    task: Task = "transcribe"
    beam: int = 1  # hypotheses kept; 1 is greedy
    patience: float = 1.0  # times `beam` finished hypotheses end the search
    length_penalty: float | None = None  # alpha of Wu et al. 2016; None: mean log-probability
    temperatures: tuple[float, ...] = (0.0,)  # tried in turn until an answer is good; FALLBACK
    best_of: int = 5  # samples at a temperature above 0
    seed: int = 0  # of the sampling
    without_timestamps: bool = False
    latest_start: float | None = 1.0  # seconds; the first timestamp comes no later
    previous: tuple[int, ...] = ()  # tokens said before this window
    prefix: tuple[int, ...] = ()  # tokens that the answer begins with
    draft: tuple[int, ...] = ()  # a guess at what follows the prefix: only makes greedy faster
    max_tokens: int | None = None  # in the answer; None: half the decoder's context
    max_compression_ratio: float | None = 2.4  # a higher one repeats itself
    min_logprob: float | None = -1.0  # mean a token; a lower one is improbable
    max_no_speech: float | None = 0.6  # a higher one, if improbable too, is silence

    def __post_init__(self) -> None:
        for name in ("beam", "best_of"):
            if getattr(self, name) < 1:
                raise ConfigError(f"wanted {name} of 1 or more, found {getattr(self, name)}")
        if not self.temperatures or min(self.temperatures) < 0:
            raise ConfigError(
                f"wanted temperatures of 0 or more, at least one, found {self.temperatures}"
            )
        if self.patience <= 0:
            raise ConfigError(f"wanted a patience above 0, found {self.patience}")


@dataclass(frozen=True)
class Hypothesis:
    """The words of one window.

    `attention` is (A, marks + tokens, T') when the search saw it as word times need it:
    greedy, without timestamps.
    """

    tokens: tuple[int, ...]  # with the prefix, without start tokens and end
    text: str
    language: str
    average_logprob: float  # of the tokens after the prefix and the end, nats
    no_speech: float  # probability that nobody speaks
    compression_ratio: float  # bytes of the text to bytes when compressed
    temperature: float
    token_logprobs: tuple[float, ...]  # one a token
    attention: Attention | None = field(default=None, repr=False, compare=False)

    def silent(self, options: DecodingOptions) -> bool:
        """Whether nobody speaks: it looks like silence, and no words are likely either."""
        likely = options.min_logprob is not None and self.average_logprob > options.min_logprob
        return self._looks_silent(options) and not likely

    def repeats(self, options: DecodingOptions) -> bool:
        """Whether the text compresses too well to be speech."""
        limit = options.max_compression_ratio
        return limit is not None and self.compression_ratio > limit

    def good(self, options: DecodingOptions) -> bool:
        """Whether no other temperature needs to be tried."""
        least = options.min_logprob
        if least is not None and self.average_logprob < least:
            return self._looks_silent(options)
        return not self.repeats(options)

    def _looks_silent(self, options: DecodingOptions) -> bool:
        limit = options.max_no_speech
        return limit is not None and self.no_speech > limit


def decode(
    model: Whisper, encoded: Encoded, options: DecodingOptions, prompt: Prompt | None = None
) -> Hypothesis:
    """Find the words of one window (an `encoded` of one row).

    Raises: ConfigError if the model does not know the language, or if the text before
        and the prefix leave no room for an answer.
    """
    tokenizer = tokenizer_of(model)
    language = options.language or detect_language(model, encoded, prompt)[0]
    window = window_of(model, tokenizer, encoded, options, language, prompt)
    tried: list[Hypothesis] = []
    for temperature in options.temperatures:
        tried.append(_attempt(window, options, language, temperature))
        if tried[-1].good(options):
            return tried[-1]
    # None is good: the likeliest that does not repeat itself, but told as the last resort.
    usable = [hypothesis for hypothesis in tried if not hypothesis.repeats(options)]
    chosen = max(usable or tried, key=lambda hypothesis: hypothesis.average_logprob)
    return replace(chosen, temperature=tried[-1].temperature)


def decode_rows(
    model: Whisper,
    encoded: Encoded,
    options: Sequence[DecodingOptions],
    prompt: Prompt | None = None,
) -> list[Hypothesis]:
    """Find the words of several windows of one length: a row of `encoded` and `prompt` each.

    Where the model keeps its state on a device they are searched together, as far as the same
    rules hold for all and nobody wants a beam; an answer that is not good is tried again alone.

    Raises: as `decode`.
    """

    def alone(row: int) -> Hypothesis:
        return decode(model, encoded.rows([row]), options[row], prompt and prompt.rows([row]))

    rules = {(one.without_timestamps, one.latest_start) for one in options}
    greedily = all(one.beam == 1 and one.temperatures[0] == 0 for one in options)
    if not model.resident or len(rules) > 1 or not greedily:
        return [alone(row) for row in range(len(options))]
    tokenizer = tokenizer_of(model)
    languages = [
        one.language
        or detect_language(model, encoded.rows([row]), prompt and prompt.rows([row]))[0]
        for row, one in enumerate(options)
    ]
    windows = [
        window_of(model, tokenizer, encoded, one, language, prompt)
        for one, language in zip(options, languages, strict=True)
    ]
    reader = model.reader(encoded, prompt, windows[0].rules)
    found = greedy_rows(reader, windows, [one.draft for one in options])
    heard = [_hypothesis(*one, 0.0) for one in zip(found, windows, languages, strict=True)]
    return [
        one if one.good(options[row]) or len(options[row].temperatures) == 1 else alone(row)
        for row, one in enumerate(heard)
    ]


def detect_language(
    model: Whisper, encoded: Encoded, prompt: Prompt | None = None
) -> tuple[str, dict[str, float]]:
    """Return the language of one window, and how likely each one is.

    Source: Whisper's first token after the start of a transcript is its guess.
    """
    tokenizer = tokenizer_of(model)
    if not tokenizer.multilingual:
        return "en", {"en": 1.0}
    start = np.array([[tokenizer.sot]], np.int64)
    if model.resident:  # what decodes it in arrays would be loaded for this alone
        logits = model.reader(encoded, prompt, Rules(tokenizer, timestamps=False)).logits(start)
    else:
        logits = model.decode(start, model.start(encoded, prompt))[0][0, -1:]  # (1, V)
    names, tokens = zip(*tokenizer.languages.items(), strict=True)
    likely = np.exp(log_softmax(logits[:, list(tokens)]))[0]
    return names[int(likely.argmax())], dict(zip(names, likely.tolist(), strict=True))


def tokenizer_of(model: Whisper) -> Tokenizer:
    """Return the tokenizer that lies beside a model's weights."""
    return _tokenizer(model.folder, model.dims.multilingual)


@lru_cache(maxsize=4)
def _tokenizer(folder: Path, multilingual: bool) -> Tokenizer:
    return Tokenizer(folder, multilingual=multilingual)


def window_of(
    model: Whisper,
    tokenizer: Tokenizer,
    encoded: Encoded,
    options: DecodingOptions,
    language: str,
    prompt: Prompt | None,
) -> Window:
    """What a search is given. Raises: ConfigError if there is no room for an answer."""
    timestamps = not options.without_timestamps
    start = tokenizer.start(language, options.task, timestamps=timestamps)
    # The text before may fill half the context, its mark included; its newest part counts most.
    half = model.dims.n_text_ctx // 2
    if options.previous:
        start = (tokenizer.previous, *options.previous[-(half - 1) :], *start)
    prefix = options.prefix
    if prefix and timestamps and prefix[0] < tokenizer.first_timestamp:
        prefix = (tokenizer.first_timestamp, *prefix)
    placeholders = 0 if prompt is None else 1 + model.dims.prompt_length
    room = model.dims.n_text_ctx - placeholders - len(start)
    limit = min(options.max_tokens or half, room)
    if len(prefix) >= limit:
        raise ConfigError(
            f"wanted a prefix shorter than the {limit} tokens of an answer, "
            f"found {len(prefix)} tokens"
        )
    rules = Rules(tokenizer, timestamps=timestamps, latest_start=options.latest_start)
    return Window(model, tokenizer, rules, encoded, prompt, start, prefix, limit)


def _attempt(
    window: Window, options: DecodingOptions, language: str, temperature: float
) -> Hypothesis:
    if temperature > 0:
        random = np.random.default_rng(options.seed)
        spoken = sample(window, temperature, options.best_of, options.length_penalty, random)
    elif window.model.resident and options.beam <= window.model.rows:
        spoken = _on_device(window, options)
    elif options.beam > 1:
        spoken = _beams(window, InArrays(window), options)
    else:
        spoken = greedy(window, options.draft)
    return _hypothesis(spoken, window, language, temperature)


def _on_device(window: Window, options: DecodingOptions) -> Spoken:
    reader = window.model.reader(window.encoded, window.prompt, window.rules)
    if options.beam == 1:
        return greedy_rows(reader, [window], [options.draft])[0]
    spoken = _beams(window, OnDevice(window, reader), options)
    reader.done(spoken.logprobs)
    return spoken


def _beams(window: Window, ranking: Ranking, options: DecodingOptions) -> Spoken:
    return beam_search(window, ranking, options.beam, options.patience, options.length_penalty)


def _hypothesis(spoken: Spoken, window: Window, language: str, temperature: float) -> Hypothesis:
    if np.isnan([*spoken.logprobs, spoken.no_speech]).any():
        raise BundleError(
            f"wanted words from Whisper on {window.model.device}, found NaN: its weights are "
            "broken, or their precision is too low (take fp32), or `tap-live doctor` looks at it"
        )
    text = window.tokenizer.decode(spoken.tokens).strip()
    sampled = spoken.logprobs[len(window.prefix) :]
    timeless = window.start[-1] == window.tokenizer.no_timestamps
    return Hypothesis(
        tokens=spoken.tokens,
        text=text,
        language=language,
        average_logprob=sum(sampled) / (len(spoken.tokens) - len(window.prefix) + 1),
        no_speech=spoken.no_speech,
        compression_ratio=compression_ratio(text),
        temperature=temperature,
        token_logprobs=spoken.logprobs[: len(spoken.tokens)],
        attention=spoken.attention if timeless else None,
    )


def compression_ratio(text: str) -> float:
    """Say how many times shorter `text` gets when compressed; 2.4 and more is repetition."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))
