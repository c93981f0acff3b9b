"""Mix training examples, each one a pure function of a seed and a number."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .augment import Audio, at_level, random_channel, reverberate
from .course import Example
from .voices import GUISES, OWN, Surroundings, Voices

FEWEST = 4  # voices: three that speak and one that is absent
MOST_KEPT = 0.6  # of the target's embedding, beside that of who was not extracted
QUIETEST = 0.003  # RMS of what still counts as speech


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How mixtures are made; shares are probabilities, levels decibels."""

    seconds: float = 2.5
    rate: int = 16_000
    guises: bool = True  # False: voices as they are only
    alone: float = 0.05  # one voice
    third: float = 0.1  # three voices
    absent: float = 0.15  # the second cue is of a voice that is not there
    partial: float = 0.25  # the second voice speaks in a part of the time
    near: float = 0.3  # the second voice is one of the most alike
    far: float = 0.7  # it is one of the least alike, at the start; falls as the others rise
    gap_db: float = 5.0  # the second voice is up to this much louder or softer
    noise: float = 0.6
    noise_db: tuple[float, float] = (-25.0, -5.0)  # beside the first voice
    room: float = 0.5  # all voices of a mixture are in rooms; in the others none is
    channel: float = 0.2
    beside: float = 0.0  # cues also say who speaks beside the target; at 0 they have no such side
    ramp: int = 20_000  # examples over which the shares of what is hard rise from 0
    level_db: tuple[float, float] = (-38.0, -18.0)  # of the first voice

    def at(self, number: int) -> "Recipe":
        """The recipe of example `number`: easy to begin with."""
        share = min(1.0, number / self.ramp) if self.ramp else 1.0
        risen = {name: share * getattr(self, name) for name in _RISING}
        return replace(self, **risen, far=(1.0 - share) * self.far, ramp=0)

    def somewhere(self, seed: int, number: int) -> "Recipe":
        """The recipe of mixture `number`: `room` is drawn once for all its voices, 0 or 1."""
        rng = np.random.default_rng([seed, number, 1])  # its own: all else is drawn as before
        return replace(self, room=float(rng.random() < self.room))


_RISING = ("near", "third", "absent", "partial", "noise", "room", "channel")


class Mixer:
    """Make example number n, always the same for the same seed and recipe."""

    def __init__(self, voices: Voices, around: Surroundings, recipe: Recipe, seed: int) -> None:
        if len(voices.speakers) < FEWEST:
            raise ValueError(
                f"wanted at least {FEWEST} voices to mix, found {len(voices.speakers)}; "
                f"each needs 2 s of enrolment and 3 s beside it"
            )
        self._voices = voices
        self._around = around
        self._recipe = recipe
        self._seed = seed
        self._guises = range(len(GUISES)) if recipe.guises else [OWN]
        self._centroids = voices.centroids  # (speakers, guises, 256)
        self._length = round(recipe.seconds * recipe.rate)

    def example(self, number: int) -> Example:
        """Mix: two voices most of the time; each is asked for, or the second is one not there."""
        rng = np.random.default_rng([self._seed, number])
        recipe = self._recipe.at(number).somewhere(self._seed, number)
        first, second, third = self._cast(rng, recipe)
        target, cue = self._voice(rng, first, recipe)
        other, other_cue = self._voice(rng, second, recipe)
        other *= np.float32(10.0 ** (rng.uniform(-recipe.gap_db, recipe.gap_db) / 20.0))
        if rng.random() < recipe.partial:
            other = self._in_part(rng, other)
        kind = rng.random()
        heard, rest = [first, second], np.zeros_like(target)
        if kind < recipe.alone:
            heard, other = [first], np.zeros_like(other)
        elif kind < recipe.alone + recipe.third:
            heard = [first, second, third]
            rest = self._voice(rng, third, recipe)[0]
            rest *= np.float32(10.0 ** (rng.uniform(-10, 0) / 20.0))
        if rng.random() < recipe.noise:
            noise = self._around.noise(rng, self._length)
            rest = rest + at_level(noise, rng.uniform(*recipe.noise_db))
        wanted, asked = other, second
        if rng.random() < recipe.absent or len(heard) == 1:
            wanted = np.zeros_like(other)
            asked = self._stranger(rng, heard)
            other_cue = self._voices.cue(rng, *asked)
        example = self._levelled(rng, target + other + rest, [target, wanted], [cue, other_cue])
        if not recipe.beside:
            return example
        sides = [self._beside(rng, heard, first, cue), self._beside(rng, heard, asked, other_cue)]
        return example._replace(cues=np.concatenate([example.cues, sides], axis=1))

    def _beside(
        self,
        rng: np.random.Generator,
        heard: list[tuple[int, int]],
        asked: tuple[int, int],
        cue: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Who speaks beside the one asked for, half of the time as it is found out: from what was
        not extracted, which keeps some of the target.
        """
        others = [voice for voice in heard if voice != asked]
        if not others or rng.random() >= self._recipe.beside:
            return np.zeros_like(cue)
        found = self._voices.cue(rng, *others[int(rng.integers(len(others)))])
        if rng.random() < 0.5:
            found = found + np.float32(rng.uniform(0, MOST_KEPT)) * cue
        return np.asarray(found / np.linalg.norm(found), np.float32)

    def _levelled(
        self,
        rng: np.random.Generator,
        mixture: Audio,
        targets: list[Audio],
        cues: list[NDArray[np.float32]],
    ) -> Example:
        gain = 10.0 ** (rng.uniform(*self._recipe.level_db) / 20.0)
        gain = np.float32(min(gain, 0.99 / (np.abs(mixture).max() + 1e-9)))
        return Example(mixture * gain, np.stack(targets) * gain, np.stack(cues))

    def _voice(
        self, rng: np.random.Generator, voice: tuple[int, int], recipe: Recipe
    ) -> tuple[Audio, NDArray[np.float32]]:
        """Speech at 0 dBFS RMS, in a room and through a channel at times, and its cue."""
        for _ in range(4):  # a pause may be drawn
            audio, cue = self._voices.draw(rng, *voice, self._length)
            if np.sqrt(np.mean(audio**2)) > QUIETEST:
                break
        if rng.random() < recipe.room:
            audio = reverberate(audio, self._around.room(rng))
        if rng.random() < recipe.channel:
            audio = random_channel(rng, audio, recipe.rate)
        return at_level(audio, 0.0), cue

    def _in_part(self, rng: np.random.Generator, audio: Audio) -> Audio:
        """Keep 30 % or more of a voice, silence before and after."""
        length = int(self._length * rng.uniform(0.3, 1.0))
        start = int(rng.integers(self._length - length + 1))
        keep = np.zeros_like(audio)
        keep[start : start + length] = audio[start : start + length]
        return keep

    def _cast(self, rng: np.random.Generator, recipe: Recipe) -> list[tuple[int, int]]:
        """Three voices of three people; the second is much like the first at times."""
        first = self._anyone(rng)
        second = self._stranger(rng, [first])
        draw = rng.random()
        if draw < recipe.near:
            second = self._alike(rng, first, most=True)
        elif draw > 1.0 - recipe.far:
            second = self._alike(rng, first, most=False)
        return [first, second, self._stranger(rng, [first, second])]

    def _anyone(self, rng: np.random.Generator) -> tuple[int, int]:
        guise = self._guises[int(rng.integers(len(self._guises)))]
        return int(rng.integers(len(self._voices.speakers))), guise

    def _stranger(self, rng: np.random.Generator, known: list[tuple[int, int]]) -> tuple[int, int]:
        while True:
            voice = self._anyone(rng)
            if all(voice[0] != speaker for speaker, _ in known):
                return voice

    def _alike(
        self, rng: np.random.Generator, voice: tuple[int, int], most: bool
    ) -> tuple[int, int]:
        """One of the most, or least, alike voices of other people that the recipe allows."""
        likeness = self._centroids @ self._centroids[voice]  # (speakers, guises)
        if not most:
            likeness = -likeness
        likeness[voice[0]] = -np.inf
        likeness[:, [g for g in range(len(GUISES)) if g not in self._guises]] = -np.inf
        allowed = (len(self._voices.speakers) - 1) * len(self._guises)
        count = max(1, allowed // (12 if most else 3))
        nearest = np.argpartition(likeness.ravel(), -count)[-count:]
        choice = int(nearest[rng.integers(count)])
        return choice // len(GUISES), choice % len(GUISES)
