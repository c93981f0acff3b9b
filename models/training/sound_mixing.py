"""Mix training examples of sounds, each one a pure function of a seed and a number.

The condition needs no audio with text: what a clip sounds like has retrieved a caption from a
bank (sounds.py), and that caption's cue, with noise, asks for the clip.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .augment import Audio, at_level, change_speed, fit, random_channel, random_colour, reverberate
from .choices import Condition as Condition
from .course import Course, Example
from .sounds import SoundCorpus
from .voices import Surroundings

FEWEST = 3  # kinds: two that sound and one that is absent
SILENT = 1e-4  # RMS


@dataclass(frozen=True, kw_only=True)
class SoundRecipe:
    """How mixtures are made; shares are probabilities, levels decibels.

    Attributes:
        condition: what asks for a clip. `retrieved`: the caption nearest to its audio cue;
            `audio`: its audio cue; `label`: how its kind is said; `line`: any point between
            the first two; `paired`: any point between its audio cue and its kind's; `kind`: how
            its kind is said or its own caption, the audio cue of another clip of its kind, or
            any point between. A kind that has no sayings is said as the clip's caption.
        scatter: length of the Gaussian noise beside a cue of length 1.
        without_negative, without_positive: how often that side of a cue is left out. Without
            the positive one, all but the negative sound is the target.
        beside: how often the negative side, of cues with both, is what all that sounds beside the
            target is like, as it is heard in what is left of a recording, with some of the target.
    """

    seconds: float = 3.0
    condition: Condition = "retrieved"
    scatter: float = 0.4
    without_negative: float = 0.4
    without_positive: float = 0.2
    beside: float = 0.0
    alone: float = 0.05  # one sound
    third: float = 0.3  # three sounds
    absent: float = 0.2  # the second cue is of a kind that is not there
    gap_db: float = 6.0  # the second sound is up to this much louder or softer
    noise: float = 0.4
    noise_db: tuple[float, float] = (-30.0, -6.0)
    room: float = 0.3
    channel: float = 0.2
    speed: float = 0.7  # played up to 1.4 times faster or slower
    colour: float = 0.5  # octaves raised and lowered by some decibels
    ramp: int = 20_000  # examples over which the shares of what is hard rise from 0
    level_db: tuple[float, float] = (-38.0, -18.0)

    def at(self, number: int) -> "SoundRecipe":
        """The recipe of example `number`: easy to begin with."""
        share = min(1.0, number / self.ramp) if self.ramp else 1.0
        return replace(self, **{name: share * getattr(self, name) for name in _RISING}, ramp=0)


_RISING = ("third", "absent", "noise", "room", "channel")
HELD_OUT_RECIPE = SoundRecipe(
    seconds=4.0, scatter=0.0, without_negative=0.5, without_positive=0.0, alone=0.0, third=0.0,
    absent=0.25, gap_db=2.5, noise=0.0, room=0.0, channel=0.0, speed=0.0,
    colour=0.0, ramp=0,
)  # fmt: skip


class SoundMixer:
    """Make example number n, always the same for the same seed and recipe."""

    def __init__(self, corpus: SoundCorpus, recipe: SoundRecipe, seed: int) -> None:
        counts = np.array([len(clips) for clips in corpus.clips])
        if (counts > 0).sum() < FEWEST:
            raise ValueError(
                f"wanted clips of at least {FEWEST} kinds to mix, found {(counts > 0).sum()}"
            )
        if corpus.around is None and (recipe.noise or recipe.room):
            raise ValueError("wanted noises and rooms for this recipe, found a corpus of neither")
        self._corpus = corpus
        self._recipe = recipe
        self._seed = seed
        self._shares = np.sqrt(counts) / np.sqrt(counts).sum()
        self._rate = corpus.store.rate
        self._length = round(recipe.seconds * self._rate)

    def example(self, number: int) -> Example:
        """Mix: two sounds most of the time; each is asked for, or the second is one not there."""
        recipe = self._recipe.at(number)
        rng = np.random.default_rng([self._seed, number])
        cast = self._cast(rng, 3)
        sounds = [self._sound(rng, clip, recipe) for _, clip in cast]
        sounds[1] *= _gain(rng.uniform(-recipe.gap_db, recipe.gap_db))
        sounds[2] *= _gain(rng.uniform(-10, 0))
        kind = rng.random()
        heard = 1 if kind < recipe.alone else 3 if kind < recipe.alone + recipe.third else 2
        cast, sounds = cast[:heard], sounds[:heard]
        rest = np.zeros(self._length, np.float32)
        if rng.random() < recipe.noise:
            noise = self._around.noise(rng, self._length)
            rest = at_level(noise, rng.uniform(*recipe.noise_db))
        asked = [self._ask(rng, recipe, cast, sounds, rest, number) for number in range(2)]
        mixture = np.sum([*sounds, rest], axis=0)
        gain = _gain(rng.uniform(*recipe.level_db))
        gain = min(gain, np.float32(0.99 / (np.abs(mixture).max() + 1e-9)))
        targets, cues = zip(*asked, strict=True)
        return Example(mixture * gain, np.stack(targets) * gain, np.stack(cues))

    def cues(self, count: int) -> NDArray[np.float32]:
        """(count, 2 * width) such as examples are asked with, without mixing them."""
        rng = np.random.default_rng([self._seed, count])
        return np.stack([self._pair(rng, self._recipe, *self._cast(rng, 2)) for _ in range(count)])

    def _ask(
        self,
        rng: np.random.Generator,
        recipe: SoundRecipe,
        cast: list[tuple[int, int]],
        sounds: list[Audio],
        rest: Audio,
        number: int,
    ) -> tuple[Audio, NDArray[np.float32]]:
        """The target and the cue of the first or second question about a mixture."""
        stranger = self._cast(rng, 1, cast)[0]
        if number >= len(cast) or (number and rng.random() < recipe.absent):
            other = cast[rng.integers(len(cast))]
            certain = replace(recipe, without_positive=0.0)
            cue = self._pair(rng, certain, stranger, other)
            return np.zeros_like(rest), self._told(rng, recipe, cue, None, cast)
        others = [n for n in range(len(cast)) if n != number]
        against = int(rng.choice(others)) if others else None
        wanted = sounds[number]
        cue = self._pair(rng, recipe, cast[number], stranger if against is None else cast[against])
        cue = self._told(rng, recipe, cue, cast[number], [cast[n] for n in others])
        if not cue[: len(cue) // 2].any():  # all but the sound asked away
            wanted = np.sum([*sounds, rest], axis=0)
            if against is not None:
                wanted = wanted - sounds[against]
        return wanted, cue

    def _pair(
        self,
        rng: np.random.Generator,
        recipe: SoundRecipe,
        positive: tuple[int, int],
        negative: tuple[int, int],
    ) -> NDArray[np.float32]:
        """Both sides of a cue; one of them may be left out."""
        sides = [self._cue(rng, recipe, *positive), self._cue(rng, recipe, *negative)]
        draw = rng.random()
        if draw < recipe.without_negative:
            sides[1] = np.zeros_like(sides[1])
        elif draw < recipe.without_negative + recipe.without_positive:
            sides[0] = np.zeros_like(sides[0])
        return np.concatenate(sides)

    def _told(
        self,
        rng: np.random.Generator,
        recipe: SoundRecipe,
        cue: NDArray[np.float32],
        target: tuple[int, int] | None,
        others: Sequence[tuple[int, int]],
    ) -> NDArray[np.float32]:
        """The same cue, or one with what the others are like, and a little of the target."""
        positive, negative = np.split(cue, 2)
        if not (recipe.beside and positive.any() and negative.any() and others):
            return cue
        if rng.random() >= recipe.beside:
            return cue
        parts = self._corpus.audio.shape[1]
        heard = [self._corpus.audio[clip, rng.integers(parts)] for _, clip in others]
        vector = np.sum([rng.uniform(0.5, 1.0) * one for one in heard], axis=0)
        if target is not None:
            left = self._corpus.audio[target[1], rng.integers(parts)]
            vector = vector + rng.uniform(0.0, 0.6) * left
        return np.concatenate([positive, _scattered(rng, vector, recipe.scatter)])

    def _cue(
        self, rng: np.random.Generator, recipe: SoundRecipe, kind: int, clip: int
    ) -> NDArray[np.float32]:
        corpus = self._corpus
        told = corpus.told[clip]
        if recipe.condition == "kind":
            others = [one for one in corpus.examples[kind] if one != clip]
            clip = int(rng.choice(others)) if others else clip
        part = int(rng.integers(corpus.audio.shape[1]))
        audio, retrieved = corpus.audio[clip, part], corpus.retrieved[clip, part]
        share = rng.random()
        ends = min(1.0, max(0.0, 2 * share - 0.7))  # words alone 35 %, a clip alone 15 %
        sayings = corpus.labels[kind]
        label = sayings[rng.integers(len(sayings))] if len(sayings) else told
        words = told if recipe.condition == "kind" and rng.random() < 0.5 else label
        vector = {
            "retrieved": retrieved,
            "audio": audio,
            "label": label,
            "line": share * audio + (1 - share) * retrieved,
            "paired": share * audio + (1 - share) * label,
            "kind": ends * audio + (1 - ends) * words,
        }[recipe.condition]
        return _scattered(rng, vector, recipe.scatter)

    def _sound(self, rng: np.random.Generator, clip: int, recipe: SoundRecipe) -> Audio:
        """A part of a clip at 0 dBFS RMS, or all of it somewhere in silence."""
        speed = 1.4 ** rng.uniform(-1.0, 1.0) if rng.random() < recipe.speed else 1.0
        whole, needed = self._corpus.store.length(clip), int(self._length * speed) + 1
        for _ in range(4):  # a pause may be drawn
            start = int(rng.integers(max(1, whole - needed + 1)))
            audio = self._corpus.store.read(clip, start, start + needed)
            if np.sqrt(np.mean(audio**2)) > SILENT:
                break
        audio = change_speed(audio, speed, int(len(audio) / speed))[: self._length]
        spare = self._length - len(audio)
        before = int(rng.integers(spare + 1)) if rng.random() < 0.5 else 0
        audio = fit(np.concatenate([np.zeros(before, np.float32), audio]), self._length)
        if rng.random() < recipe.colour:
            audio = random_colour(rng, audio, self._rate)
        if rng.random() < recipe.room:
            audio = reverberate(audio, self._around.room(rng))
        if rng.random() < recipe.channel:
            audio = random_channel(rng, audio, self._rate)
        return at_level(audio, 0.0)

    def _cast(
        self, rng: np.random.Generator, count: int, known: Sequence[tuple[int, int]] = ()
    ) -> list[tuple[int, int]]:
        """Kinds and clips of them, none of which clashes with another or with those known."""
        corpus, cast = self._corpus, list[tuple[int, int]]()
        while len(cast) < count:
            kind = int(rng.choice(len(self._shares), p=self._shares))
            others = [*known, *cast]
            if not any(corpus.kinds[kind].clashes(corpus.kinds[other]) for other, _ in others):
                clip = corpus.clips[kind][rng.integers(len(corpus.clips[kind]))]
                if corpus.files[clip] not in [corpus.files[other] for _, other in others]:
                    cast.append((kind, clip))
        return cast

    @property
    def _around(self) -> Surroundings:
        assert self._corpus.around is not None  # of a recipe with noise or rooms
        return self._corpus.around


def sound_course(
    train: SoundCorpus, held_out: SoundCorpus, recipe: SoundRecipe, seed: int
) -> Course:
    """Mixtures of two or three sounds; checkpoints are chosen on clips that are not learned."""
    mixer = SoundMixer(train, recipe, seed)
    checks = replace(HELD_OUT_RECIPE, condition=recipe.condition)
    return Course(
        rate=train.store.rate,
        cues=mixer.cues(4096),
        train=mixer,
        held_out=SoundMixer(held_out, checks, seed=1),
    )


def _scattered(
    rng: np.random.Generator, vector: NDArray[np.float32], scatter: float
) -> NDArray[np.float32]:
    """Of length 1, with Gaussian noise of length `scatter` beside it."""
    noise = rng.standard_normal(len(vector)) * (scatter / np.sqrt(len(vector)))
    noisy = vector / np.linalg.norm(vector) + noise
    unit: NDArray[np.float32] = (noisy / np.linalg.norm(noisy)).astype(np.float32)
    return unit


def _gain(decibels: float) -> np.float32:
    return np.float32(10.0 ** (decibels / 20.0))
