"""Mix what prompts are trained on: voices over each other, and the words of the one asked for.

Two voices of every mixture are asked for in turn, each with its own words; or the second cue is of
somebody who is not there, whose words are none. Whose words are known speaks a stretch of a
clip that begins and ends between two words; the others need no words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .augment import Audio, at_level, fit, random_channel, reverberate
from .corpus import RATE
from .mixing import Mixer, Recipe
from .voices import GUISES, Piece, Surroundings, Voices, in_guise
from .words import Word

GRAIN = 320  # samples; lengths are multiples of an encoder position
SHORTEST_S = 1.2  # of a stretch with words
TRIES = 12


class Asked(NamedTuple):
    """One mixture, asked for two voices; a voice that is absent is silence without words."""

    mixture: Audio  # (T,)
    targets: Audio  # (2, T)
    cues: NDArray[np.float32]  # (2, D)
    words: tuple[tuple[Word, ...], tuple[Word, ...]]


MIXING = Recipe(
    noise=0.4, noise_db=(-30.0, -8.0), room=0.3, channel=0.15, near=0.2, far=0.3, ramp=20_000
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PromptRecipe:
    """How mixtures are made; shares are probabilities."""

    lengths: tuple[float, ...] = (3.0, 4.5, 6.0, 8.0)  # seconds, one for each group of examples
    group: int = 8  # examples of one length, for one batch
    alone: float = 0.15  # the first voice speaks alone
    absent: float = 0.3  # the second cue is of a voice that is not there
    third: float = 0.2  # a third voice speaks too,
    fourth: float = 0.3  # and with it at times a fourth
    mixing: Recipe = MIXING

    def seconds(self, number: int) -> float:
        """The length of example `number`."""
        draw = np.random.default_rng([number // self.group, 7]).integers(len(self.lengths))
        return self.lengths[int(draw)]


class PromptMixer(Mixer):
    """Make example number n, always the same for the same seed and recipe.

    Args:
        words: of the clips whose words are known, by their number in the store.
    Raises: ValueError if fewer than four voices have words.
    """

    def __init__(
        self,
        voices: Voices,
        around: Surroundings,
        words: Mapping[int, tuple[Word, ...]],
        recipe: PromptRecipe,
        seed: int,
    ) -> None:
        longest = replace(recipe.mixing, seconds=max(recipe.lengths))
        super().__init__(voices, around, longest, seed)
        self._words, self._prompting = words, recipe
        self._spoken = [
            [clip for clip in voices.clips(speaker) if clip in words]
            for speaker in range(len(voices.speakers))
        ]
        self._talkers = [speaker for speaker, clips in enumerate(self._spoken) if clips]
        if len(self._talkers) < 4:
            raise ValueError(
                f"wanted at least 4 voices whose words are known, found {len(self._talkers)}: "
                "label more speech with python -m tap_live.export.prompt_labels"
            )

    def asked(self, number: int) -> Asked:
        """Mix, and say what each of two who are asked for says in it."""
        rng = np.random.default_rng([self._seed, number])
        recipe, mixing = self._prompting, self._recipe.at(number).somewhere(self._seed, number)
        length = round(recipe.seconds(number) * RATE) // GRAIN * GRAIN
        first = self._talker(rng, None)
        voice, cue, said = self._talk(rng, first, length, mixing)
        kind = rng.random()
        heard, rest = [first], np.zeros(length, np.float32)
        other, other_cue = np.zeros_like(rest), cue
        other_said: tuple[Word, ...] = ()
        if kind >= recipe.alone:
            second = self._talker(rng, first)
            heard.append(second)
            other, other_cue, other_said = self._talk(rng, second, length, mixing)
            other = other * _gain(rng, mixing.gap_db)
            for _ in range(self._more(rng)):
                heard.append(self._stranger(rng, heard))
                more = self._voice(rng, heard[-1], mixing)[0][:length]
                rest = rest + more * np.float32(10.0 ** (rng.uniform(-10, 0) / 20.0))
        if rng.random() < mixing.noise:
            noise = self._around.noise(rng, length)
            rest = rest + at_level(noise, rng.uniform(*mixing.noise_db))
        mixture = voice + other + rest
        if kind < recipe.alone or rng.random() < recipe.absent:
            other, other_said = np.zeros_like(other), ()
            other_cue = self._voices.cue(rng, *self._stranger(rng, heard))
        made = self._levelled(rng, mixture, [voice, other], [cue, other_cue])
        return Asked(made.mixture, made.targets, made.cues, (said, other_said))

    def texts(self, count: int) -> list[tuple[Word, ...]]:
        """The words of some clips."""
        known = list(self._words.values())
        return [known[number % len(known)] for number in range(count)]

    def _more(self, rng: np.random.Generator) -> int:
        """How many speak beside the two who are asked for."""
        if rng.random() >= self._prompting.third:
            return 0
        return 1 + int(rng.random() < self._prompting.fourth)

    def _talker(self, rng: np.random.Generator, other: tuple[int, int] | None) -> tuple[int, int]:
        """Somebody whose words are known, other than `other`."""
        guise = self._guises[int(rng.integers(len(self._guises)))]
        while True:
            speaker = self._talkers[int(rng.integers(len(self._talkers)))]
            if other is None or speaker != other[0]:
                return speaker, guise

    def _talk(
        self, rng: np.random.Generator, voice: tuple[int, int], length: int, mixing: Recipe
    ) -> tuple[Audio, NDArray[np.float32], tuple[Word, ...]]:
        """(length,) speech at 0 dBFS RMS with a cue from elsewhere, and its words."""
        speaker, guise = voice
        pace = GUISES[guise].speed
        for _ in range(TRIES):
            clips = self._spoken[speaker]
            clip = clips[int(rng.integers(len(clips)))]
            part, words = stretch(rng, self._words[clip], clip, length / RATE * pace)
            cue = self._voices.cue_beside(rng, speaker, guise, part)
            if cue is not None:
                break
        else:  # every stretch lies over every piece: better one that is heard than none
            cue = self._voices.cue(rng, speaker, guise)
        audio = self._voices.read(part)
        count = min(length, int(len(audio) / pace))
        audio = at_level(in_guise(GUISES[guise], audio, count, RATE), 0.0)
        start = int(rng.integers(length - count + 1)) // GRAIN * GRAIN
        audio = np.concatenate([np.zeros(start, np.float32), fit(audio, length - start)])
        if rng.random() < mixing.room:
            audio = reverberate(audio, self._around.room(rng))
        if rng.random() < mixing.channel:
            audio = random_channel(rng, audio, RATE)
        return audio, cue, _moved(words, part.start / RATE, pace, start / RATE)


def stretch(
    rng: np.random.Generator, words: tuple[Word, ...], clip: int, longest: float
) -> tuple[Piece, tuple[Word, ...]]:
    """Choose words that follow each other and take `longest` seconds at most."""
    first = int(rng.integers(len(words)))
    while first and words[-1].end - words[first].start < SHORTEST_S:
        first -= 1
    wanted = rng.uniform(min(SHORTEST_S, longest), longest)
    last = first
    start = _before(words, first)
    while last + 1 < len(words) and _after(words, last + 1) - start <= wanted:
        last += 1
    stop = min(_after(words, last), start + longest)
    return Piece(clip, round(start * RATE), round(stop * RATE)), words[first : last + 1]


def _before(words: tuple[Word, ...], index: int) -> float:
    """Where speech that begins with a word is cut: in the middle of the pause before it."""
    before = words[index - 1].end if index else 0.0
    return max(words[index].start - 0.3, (before + words[index].start) / 2)


def _after(words: tuple[Word, ...], index: int) -> float:
    following = words[index + 1].start if index + 1 < len(words) else words[index].end + 0.4
    return min(words[index].end + 0.3, (words[index].end + following) / 2)


def _moved(words: tuple[Word, ...], start: float, pace: float, by: float) -> tuple[Word, ...]:
    return tuple(
        Word(word.text, (word.start - start) / pace + by, (word.end - start) / pace + by)
        for word in words
    )


def _gain(rng: np.random.Generator, decibels: float) -> np.float32:
    return np.float32(10.0 ** (rng.uniform(-decibels, decibels) / 20.0))
