"""How targets are asked for: `voice:ana@-3dB`, `text:a dog barking`, `clip:bell.wav`.

`parse_targets` reads what a user wrote, without looking anything up; `Cues` finds the numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, cast

import numpy as np

from tap_live.audio.files import read_audio
from tap_live.cues.audio import AudioCues
from tap_live.cues.text import TextCues
from tap_live.errors import BundleError, ConfigError, CueError
from tap_live.events import Decibels
from tap_live.mix import parse_gain
from tap_live.processor import Audio, Embedding, TargetKind
from tap_live.voices.encoder import unit
from tap_live.voices.store import VoiceStore, check_name

Scheme = Literal["voice", "text", "clip"]
SCHEMES = ("voice", "text", "clip")
SAME = 0.999  # cosine from which two sounds are one
MOST = 8  # targets at once, with those that are asked away; each costs a run of its network


@dataclass(frozen=True)
class Asked:
    """One target as a user asks for it."""

    scheme: Scheme
    value: str  # a voice's name, words, a file
    gain: Decibels = 0.0
    suppress: bool = False

    @property
    def name(self) -> str:
        return f"{self.scheme}:{self.value}"

    @property
    def kind(self) -> TargetKind:
        return "voice" if self.scheme == "voice" else "sound"


@dataclass(frozen=True, eq=False)
class EmbeddedCue:
    """A `Cue`: how one target is asked for, as numbers."""

    name: str
    kind: TargetKind
    positive: Embedding
    negative: Embedding  # empty for voices, which have none


def parse_targets(targets: Sequence[str], suppressed: Sequence[str] = ()) -> list[Asked]:
    """Read all that is kept, then all that is asked away.

    Raises: ConfigError if one is no cue, is given twice, is both kept and asked away, or
        if there are too many.
    """
    asked = [parse_target(text) for text in targets]
    asked += [parse_target(text, suppress=True) for text in suppressed]
    if len(asked) > MOST:
        raise ConfigError(f"at most {MOST} targets at once, found {len(asked)}: leave some out")
    seen: dict[str, Asked] = {}
    for one in asked:
        key = " ".join(one.name.casefold().split())
        twin = seen.setdefault(key, one)
        if twin is not one:
            if twin.suppress != one.suppress:
                raise ConfigError(f"{one.name!r} is both kept and asked away: leave one out")
            raise ConfigError(f"{one.name!r} is given twice: leave one out")
    return asked


def parse_target(text: str, *, suppress: bool = False) -> Asked:
    """Read one cue: its scheme, what it names, and its gain if there is one.

    Raises: ConfigError if it is none.
    """
    scheme, colon, rest = text.strip().partition(":")
    if scheme not in SCHEMES or not colon:
        raise ConfigError(
            f"wanted voice:NAME, text:WORDS or clip:FILE, found {text!r}: "
            f"'voice:{text.strip() or 'ana'}' is an enrolled voice"
        )
    value, at, tail = rest.rpartition("@")
    gain: Decibels = 0.0
    if not at:
        value = rest
    else:
        try:
            gain = parse_gain(tail)
        except ConfigError:
            if scheme != "clip":  # a file's name may have an @ of its own
                raise
            value = rest
        else:
            if suppress:
                raise ConfigError(f"{text!r} is asked away: it has no gain, leave '@{tail}' out")
    value = value.strip()
    if not value:
        wanted = {"voice": "a name", "text": "words", "clip": "a file"}[scheme]
        raise ConfigError(f"wanted {wanted} after '{scheme}:', found none")
    if scheme == "voice":
        check_name(value)
    return Asked(cast(Scheme, scheme), value, gain, suppress)


class Cues:
    """Find the numbers of cues; an encoder is loaded when the first cue needs it.

    Args:
        of_text, of_clip: embed words and clips; the default are the compact networks' encoders.
    """

    def __init__(
        self,
        store: VoiceStore | None = None,
        of_text: Callable[[str], Embedding] | None = None,
        of_clip: Callable[[Audio, int], Embedding] | None = None,
    ) -> None:
        self._store = store or VoiceStore()
        self._of_text = of_text or (lambda text: self._text.embed(text))
        self._of_clip = of_clip or (lambda audio, rate: self._audio.embed(audio, rate))

    def of(self, asked: Sequence[Asked]) -> list[EmbeddedCue]:
        """Embed cues, in order; sounds asked away are the negative side of those that are kept.

        Raises: VoiceError if a voice is not enrolled; CueError if words or a clip cannot ask
            for a sound, or if what is kept and what is asked away cannot be told apart;
            AudioError if a clip cannot be read; BundleError, StorageError.
        """
        positive = [self._embedded(one) for one in asked]
        away = [
            (one, vector)
            for one, vector in zip(asked, positive, strict=True)
            if one.suppress and one.kind == "sound"
        ]
        for one, vector in zip(asked, positive, strict=True):
            if one.kind == "sound" and not one.suppress:
                _check_apart(one, vector, away)
        return [
            EmbeddedCue(one.name, one.kind, vector, _negative(one, vector, away))
            for one, vector in zip(asked, positive, strict=True)
        ]

    def _embedded(self, asked: Asked) -> Embedding:
        try:
            return self._embed(asked)
        except BundleError as error:
            raise BundleError(f"{asked.name!r} cannot be asked for: {error}") from error

    def _embed(self, asked: Asked) -> Embedding:
        if asked.scheme == "voice":
            return np.asarray(self._store.load(asked.value).embedding, np.float32)
        if asked.scheme == "text":
            return self._of_text(asked.value)
        audio, rate = read_audio(Path(asked.value), lambda warning: None)
        try:
            return self._of_clip(audio, rate)
        except CueError as error:
            raise CueError(f"{asked.name!r}: {error}") from error

    @cached_property
    def _text(self) -> TextCues:
        return TextCues.open()

    @cached_property
    def _audio(self) -> AudioCues:
        return AudioCues.open()


def _check_apart(asked: Asked, vector: Embedding, away: Sequence[tuple[Asked, Embedding]]) -> None:
    for other, negative in away:
        if float(vector @ negative) > SAME:
            raise CueError(
                f"{asked.name!r} is kept and {other.name!r} asked away, and they are the same: "
                "leave one out"
            )


def _negative(
    asked: Asked, vector: Embedding, away: Sequence[tuple[Asked, Embedding]]
) -> Embedding:
    """(D,) for a sound, zeros if nothing is asked away; voices have no such side."""
    if asked.kind == "voice":
        return np.zeros(0, np.float32)
    if asked.suppress or not away:
        return np.zeros_like(vector)
    return unit(np.mean([negative for _, negative in away], axis=0))
