"""What a captioner needs from a speech recogniser, and nothing else of it."""

from dataclasses import dataclass
from typing import Protocol

from tap_live.processor import Audio


@dataclass(frozen=True, kw_only=True)
class Request:
    """One stretch of 16 kHz audio, and what is already known about it.

    `prefix` is certain and is not said again in the result. `draft` is a guess at what
    follows it (the result of the last time): it makes greedy decoding faster and never
    changes its result.
    """

    audio: Audio
    prefix: tuple[int, ...] = ()  # tokens that this audio begins with
    draft: tuple[int, ...] = ()
    language: str = "en"


@dataclass(frozen=True)
class Heard:
    """One word: its tokens, its place in the audio (samples), its probability.

    `text` is as Whisper writes it, with the space before it.
    """

    text: str
    tokens: tuple[int, ...]
    start: int
    end: int
    p: float


@dataclass(frozen=True)
class Hypothesis:
    """What may have been said after the prefix."""

    words: tuple[Heard, ...]
    no_speech: float  # probability that nobody speaks
    average_logprob: float  # of the tokens after the prefix, nats


class Recogniser(Protocol):
    """Greedy decoding with word times."""

    @property
    def languages(self) -> tuple[str, ...]:
        """What it can be asked for; one of them means that it never needs to be asked."""
        ...

    def recognise(self, request: Request) -> Hypothesis: ...

    def detect(self, audio: Audio) -> dict[str, float]:
        """Say how likely each language is spoken in 16 kHz audio."""
        ...
