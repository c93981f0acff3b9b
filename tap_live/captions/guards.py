"""What keeps words that nobody said out of the captions.

Whisper was trained on audio that always had words; on noise, and after the end of speech,
it makes some up. Nothing here knows any phrase: what it says is judged by its
probabilities, by where its words lie, and by its repetitions. `docs/captions.md` has the
figures that the limits come from.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tap_live.captions.agreement import bare
from tap_live.captions.recogniser import Heard, Hypothesis
from tap_live.captions.vad import RATE

LEAST_P = 1e-4  # of a word; less is not told apart
REPEATS = 3  # of one phrase on end,
REPEATED = 6  # and as many words of it in all, are a loop
LONGEST = 12  # words in a phrase that may repeat
PILE = 3  # words on end
PILED_S = 0.04  # that take no longer than this all together were not said,
LED_THERE = 0.8  # nor the words before them that are less likely than this


@dataclass(frozen=True, kw_only=True)
class GuardConfig:
    """When a new region of speech is believed to be one.

    The more it looks like silence, the likelier its words have to be: at least
    `slope` (no_speech - `certain`) nats a token on average, and never less than `least`.
    """

    slope: float = 4.0
    certain: float = 0.75  # no_speech at which words would have to be certain
    least: float = -1.6
    loops: float = 0.6  # where words go round in circles, most that no_speech may be


def believed(hypothesis: Hypothesis, plausible: Sequence[Heard], config: GuardConfig) -> bool:
    """Say whether somebody speaks where this was heard, alone, with these words left of it."""
    average = hypothesis.average_logprob
    if len(plausible) < len(hypothesis.words):
        if hypothesis.no_speech > config.loops:
            return False
        # What was cut off was certain of itself: it repeats.
        kept = [math.log(max(word.p, LEAST_P)) for word in plausible]
        average = min(average, sum(kept) / max(1, len(kept)))
    wanted = config.slope * (hypothesis.no_speech - config.certain)
    return average >= max(config.least, wanted)


def plausible(words: Sequence[Heard], length: int) -> tuple[Heard, ...]:
    """Cut where a phrase goes round, where words pile up, and where they follow the speech.

    Args:
        words: with positions in the audio.
        length: of the speech, in samples.
    """
    return _within(_without_pile(_without_loop(words)), length)


def _without_pile(words: Sequence[Heard]) -> tuple[Heard, ...]:
    """Cut at the first words that take no time: Whisper wrote on without looking at the audio.

    It says again what it said before, and is certain of it; but not of the words that led there.
    """
    for index in range(len(words) - PILE + 1):
        if words[index + PILE - 1].end - words[index].start <= PILED_S * RATE:
            while index and words[index - 1].p < LED_THERE:
                index -= 1
            return tuple(words[:index])
    return tuple(words)


def _within(words: Sequence[Heard], length: int) -> tuple[Heard, ...]:
    """Cut at the first word that would begin when the speech has ended."""
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
