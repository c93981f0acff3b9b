"""What keeps words that nobody said out of the captions.

Whisper was trained on audio that always had words; on noise, and after the end of speech,
it makes some up. Nothing here knows any phrase: what it says is judged by its
probabilities, by where its words lie, and by its repetitions. `docs/captions.md` has the
figures that the limits come from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tap_live.captions.agreement import bare
from tap_live.captions.recogniser import Heard, Hypothesis

REPEATS = 3  # of one phrase on end,
REPEATED = 6  # and as many words of it in all, are a loop
LONGEST = 12  # words in a phrase that may repeat


@dataclass(frozen=True, kw_only=True)
class GuardConfig:
    """When a new region of speech is believed to be one."""

    silent: float = 0.8  # `no_speech` above this is no speech,
    no_speech: float = 0.5  # and above this if what was said
    unlikely: float = -0.6  # is less likely than this on average (nats)
    hopeless: float = -1.6  # less than this is no speech in any case


def believed(hypothesis: Hypothesis, config: GuardConfig) -> bool:
    """Say whether somebody speaks where this was heard. It must have been heard afresh."""
    likely = hypothesis.average_logprob
    if hypothesis.no_speech > config.silent or likely < config.hopeless:
        return False
    return hypothesis.no_speech <= config.no_speech or likely >= config.unlikely


def plausible(words: Sequence[Heard], length: int) -> tuple[Heard, ...]:
    """Cut where a phrase begins to go round, and where words pile up at the end of the audio.

    Args:
        words: with positions in the audio.
        length: of the audio, in samples.
    """
    return _within(_without_loop(words), length)


def _within(words: Sequence[Heard], length: int) -> tuple[Heard, ...]:
    """Cut at the first word that would begin when the audio has ended."""
    for index, word in enumerate(words):
        if word.start >= length:
            return tuple(words[:index])
    return tuple(words)


def _without_loop(words: Sequence[Heard]) -> tuple[Heard, ...]:
    """Cut after the first of phrases that are one phrase again and again."""
    said = [bare(word.text) for word in words]
    for index in range(len(said)):
        for length in range(1, min(LONGEST, (len(said) - index) // REPEATS) + 1):
            times = max(REPEATS, -(-REPEATED // length))
            if said[index : index + times * length] == times * said[index : index + length]:
                return tuple(words[: index + length])
    return tuple(words)
