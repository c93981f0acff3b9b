"""The recogniser that captions use: Whisper, greedy, given no more context than there is audio."""

from collections.abc import Iterator, Sequence

from tap_live.captions.recogniser import Heard, Hypothesis, Request
from tap_live.processor import Audio
from tap_live.whisper.decoding import DecodingOptions, decode, detect_language, tokenizer_of
from tap_live.whisper.features import RATE, context_frames, log_mel
from tap_live.whisper.model import Encoded, Whisper
from tap_live.whisper.timing import TimedWord, word_times

FASTEST = 8  # tokens a second; faster is no speech
SPARE = 12  # tokens more, for words that were cut


class WhisperRecogniser:
    """Read a stretch of speech with a Whisper model."""

    def __init__(self, model: Whisper) -> None:
        self._model = model
        self._tokenizer = tokenizer_of(model)
        known = self._tokenizer.languages if self._tokenizer.multilingual else ("en",)
        self.languages = tuple(known)

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
        found = decode(self._model, encoded, options)
        words = word_times(self._model, encoded, found, seconds)
        heard = [self._heard(word, skip) for word, skip in _after(words, len(request.prefix))]
        return Hypothesis(tuple(heard), found.no_speech, found.average_logprob)

    def detect(self, audio: Audio) -> dict[str, float]:
        return detect_language(self._model, self._encode(audio))[1]

    def _encode(self, audio: Audio) -> Encoded:
        return self._model.encode(log_mel(audio, context_frames(len(audio) / RATE))[None])

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
