"""How targets are asked for: `voice:ana@-3dB`, `text:a dog barking`, `clip:bell.wav`.

`parse_targets` reads what a user wrote, without looking anything up; `Cues` finds the numbers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, cast

import numpy as np

from tap_live.audio.files import read_audio
from tap_live.cues.audio import AudioCues
from tap_live.cues.text import TextCues
from tap_live.errors import BundleError, ConfigError, CueError
from tap_live.events import Decibels, Warned
from tap_live.mix import parse_gain
from tap_live.processor import Audio, Embedding, TargetKind
from tap_live.voices.encoder import unit
from tap_live.voices.recognition import sound_alike
from tap_live.voices.store import Voice, VoiceStore, check_name

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
    remark: str = ""  # what somebody should know who asked so


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
        self._of_text = of_text
        self._of_clip = of_clip or self._of_audio

    def of(self, asked: Sequence[Asked]) -> list[EmbeddedCue]:
        """Embed cues, in order; sounds asked away are the negative side of those that are kept.

        Raises: VoiceError if a voice is not enrolled; CueError if words or a clip cannot ask
            for a sound, or if what is kept and what is asked away are the same;
            AudioError if a clip cannot be read; BundleError, StorageError.
        """
        found = [self._embedded(one) for one in asked]
        pairs = list(zip(asked, found, strict=True))
        away = [(one, its.vector) for one, its in pairs if one.suppress and one.kind == "sound"]
        for one, its in pairs:
            if not one.suppress:
                others = [pair for pair in pairs if pair[0].suppress and pair[0].kind == one.kind]
                its.remarks.extend(_check_apart(one, its, others))
        return [
            EmbeddedCue(
                one.name,
                one.kind,
                its.vector,
                _negative(one, its.vector, away),
                "; ".join(f"{one.name!r}: {remark}" for remark in its.remarks),
            )
            for one, its in pairs
        ]

    def _embedded(self, asked: Asked) -> "_Found":
        try:
            return self._embed(asked)
        except BundleError as error:
            raise BundleError(f"{asked.name!r} cannot be asked for: {error}") from error

    def _embed(self, asked: Asked) -> "_Found":
        if asked.scheme == "voice":
            voice = self._store.load(asked.value)
            return _Found(np.asarray(voice.embedding, np.float32), voice)
        if asked.scheme == "text":
            return self._of_words(asked.value)
        warnings: list[Warned] = []
        audio, rate = read_audio(Path(asked.value), warnings.append)
        try:
            vector = self._of_clip(audio, rate)
        except CueError as error:
            raise CueError(f"{asked.name!r}: {error}") from error
        return _Found(vector, remarks=[warning.text for warning in warnings])

    def _of_words(self, text: str) -> "_Found":
        if self._of_text:  # an encoder of its own, that knows no kinds
            return _Found(self._of_text(text))
        remark = self._text.understand(text).remark
        return _Found(self._text.embed(text), remarks=[remark] if remark else [])

    def _of_audio(self, audio: Audio, rate: int) -> Embedding:
        return self._text.moved(self._audio.embed(audio, rate))

    @cached_property
    def _text(self) -> TextCues:
        return TextCues.open()

    @cached_property
    def _audio(self) -> AudioCues:
        return AudioCues.open()


@dataclass(frozen=True)
class _Found:
    """The numbers of a cue, and what is to be said of them."""

    vector: Embedding
    voice: Voice | None = None
    remarks: list[str] = field(default_factory=list)


def _check_apart(
    asked: Asked, found: _Found, away: Sequence[tuple[Asked, _Found]]
) -> Iterator[str]:
    """Yield what is to be said where a voice is kept that sounds like one that is asked away.

    Raises: CueError if they are the same.
    """
    for other, its in away:
        if float(unit(found.vector) @ unit(its.vector)) > SAME:
            raise CueError(
                f"{asked.name!r} is kept and {other.name!r} asked away, and they are the same: "
                "leave one out"
            )
        if found.voice and its.voice and sound_alike(found.voice, its.voice):
            yield (
                f"sounds like {other.name!r}, which is asked away, and little of it will be left: "
                "leave one out if they are one person"
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
