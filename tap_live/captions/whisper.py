"""The recogniser that captions use: Whisper, greedy, given no more context than there is audio.

With a prompt it transcribes one voice, and says nothing where that voice is not heard.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from tap_live.captions.recogniser import Heard, Hypothesis, Request
from tap_live.processor import Audio
from tap_live.whisper.decoding import DecodingOptions, decode, detect_language, tokenizer_of
from tap_live.whisper.features import (
    MAX_FRAMES,
    RATE,
    TOKEN_FRAMES,
    context_frames,
    log_mel,
)
from tap_live.whisper.model import Encoded, Prompt, Whisper
from tap_live.whisper.timing import TimedWord, word_times

FASTEST = 8  # tokens a second; faster is no speech
SPARE = 12  # tokens more, for words that were cut
ABSENT = 0.5  # probability that nobody speaks; above it a voice that is asked for is not there


class WhisperRecogniser:
    """Read a stretch of speech with a Whisper model."""

    def __init__(self, model: Whisper, prompt: Prompt | None = None) -> None:
        """`prompt`, of one row, says whom to transcribe; None: everybody."""
        self._model, self._prompt = model, prompt
        self._lead = 0 if prompt is None else TOKEN_FRAMES * (1 + model.dims.prompt_length)
        self._tokenizer = tokenizer_of(model)
        known = self._tokenizer.languages if self._tokenizer.multilingual else ("en",)
        self.languages = tuple(known)

    def warm_up(self, language: str | None) -> None:
        """Do on silence what the first speech will ask for, which loads what loads late.

        Args:
            language: that will be asked for; None: it is heard, where the model knows several.
        """
        silence = np.zeros(RATE, np.float32)
        if language is None and len(self.languages) > 1:
            self.detect(silence)
        self.recognise(Request(audio=silence, language=language or "en"))

    def recognise(self, request: Request) -> Hypothesis:
        seconds = len(request.audio) / RATE
        encoded = self._encode(request.audio)
        options = DecodingOptions(
            language=request.language,
            without_timestamps=True,
            prefix=request.prefix,
            draft=request.draft,
            max_tokens=len(request.prefix) + round(FASTEST * seconds) + SPARE,
        )
        found = decode(self._model, encoded, options, self._prompt)
        if self._prompt is not None and found.no_speech > ABSENT:
            return Hypothesis((), found.no_speech, found.average_logprob)
        words = word_times(self._model, encoded, found, seconds, self._prompt)
        heard = [self._heard(word, skip) for word, skip in _after(words, len(request.prefix))]
        return Hypothesis(tuple(heard), found.no_speech, found.average_logprob)

    def detect(self, audio: Audio) -> dict[str, float]:
        return detect_language(self._model, self._encode(audio), self._prompt)[1]

    def _encode(self, audio: Audio) -> Encoded:
        frames = min(context_frames(len(audio) / RATE), MAX_FRAMES - self._lead)
        mel = np.pad(log_mel(audio, frames), ((0, 0), (self._lead, 0)))
        return self._model.encode(mel[None], self._prompt)

    def _heard(self, word: TimedWord, skip: int) -> Heard:
        """Place a word in samples; one that goes on after the prefix has only what is new."""
        start, end = round(word.start * RATE), round(word.end * RATE)
        if skip == 0:
            return Heard(word.text, word.tokens, start, end, word.p)
        rest = word.tokens[skip:]
        return Heard(self._tokenizer.decode(rest), rest, end, end, word.p)


def _after(words: Sequence[TimedWord], prefix: int) -> Iterator[tuple[TimedWord, int]]:
    """Yield the words after the prefix, each with how many of its tokens are in the prefix."""
    read = 0
    for word in words:
        skip = max(0, prefix - read)
        read += len(word.tokens)
        if read > prefix:
            yield word, skip
