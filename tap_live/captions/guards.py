"""What keeps words that nobody said out of the captions.

Whisper has been trained on audio that always had words; on noise, and after the end of
speech, it makes some up. Nothing here knows any phrase: a hypothesis is judged by its
probabilities, by where its words lie, and by its repetitions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tap_live.captions.agreement import bare
from tap_live.captions.recogniser import Heard, Hypothesis

REPEATS = 3  # of one phrase on end
LONGEST = 12  # words in a phrase that may repeat


@dataclass(frozen=True, kw_only=True)
class GuardConfig:
    """When a hypothesis is believed."""

    no_speech: float = 0.6  # more than this, and
    unlikely: float = -1.0  # less than this on average (nats), is no speech
    hopeless: float = -1.5  # less than this is not, whatever `no_speech` says


def believed(hypothesis: Hypothesis, config: GuardConfig) -> bool:
    """Say whether anything of a hypothesis can be trusted."""
    if hypothesis.average_logprob < config.hopeless:
        return False
    return hypothesis.no_speech <= config.no_speech or hypothesis.average_logprob >= config.unlikely


def within(words: Sequence[Heard], length: int) -> tuple[Heard, ...]:
    """Cut at the first word that begins after `length` samples of audio."""
    for index, word in enumerate(words):
        if word.start >= length:
            return tuple(words[:index])
    return tuple(words)


def without_loops(words: Sequence[Heard]) -> tuple[Heard, ...]:
    """Cut where a phrase is said for the `REPEATS`th time on end, keeping the first."""
    said = [bare(word.text) for word in words]
    for index in range(len(said)):
        for length in range(1, min(LONGEST, (len(said) - index) // REPEATS) + 1):
            phrase = said[index : index + length]
            if said[index : index + REPEATS * length] == REPEATS * phrase:
                return tuple(words[: index + length])
    return tuple(words)
