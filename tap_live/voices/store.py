"""Enrolled voices on disk: one file each, which only its user can read.

A voiceprint is biometric: it lies in the user's data folder, mode 0600 in a folder of
mode 0700, is never sent anywhere, and `tap-live voices delete NAME` removes it.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import platformdirs

from tap_live.errors import ConfigError, StorageError, VoiceError
from tap_live.private import write_private
from tap_live.processor import Embedding
from tap_live.voices.encoder import WIDTH, unit

MICROPHONE = "microphone"  # the source of a clip that was no file
FORMAT: Literal[1] = 1
STORED = (
    "two averages over its speech, of 256 numbers each, that tell this voice from others "
    "(biometric data), and for each clip its date, length, level and noise; no audio"
)
_NAME = re.compile(r"[^\W_][\w '.-]{0,38}[\w]|[^\W_]")
_TAKEN = {"other", "con", "prn", "aux", "nul"} | {
    f"{d}{k}" for d in ("com", "lpt") for k in range(10)
}


class ClipFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one clip of an enrolment was."""

    made: str  # the day, ISO 8601
    source: str  # a file's name, or `MICROPHONE`
    seconds: float
    speech: float  # seconds of it
    level: float  # of the speech, dBFS RMS
    snr: float  # dB, estimated
    clipped: float  # fraction of samples at full scale
    likeness: float  # least cosine between two halves of its speech; 1 is one voice


class Voice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One enrolled voice."""

    name: str
    embedding: tuple[float, ...]  # (256,) unit vector: what extractors take
    state: tuple[float, ...]  # (256,) mean state of the encoder: what is compared
    clips: tuple[ClipFigures, ...]
    format: Literal[1] = FORMAT

    @property
    def speech(self) -> float:
        """Seconds of speech that it was made of."""
        return sum(clip.speech for clip in self.clips)

    def and_clip(self, other: "Voice") -> "Voice":
        """Average with an enrolment of the same voice, by their seconds of speech."""
        embedding = unit(_mean(self.embedding, other.embedding, self.speech, other.speech))
        state = _mean(self.state, other.state, self.speech, other.speech)
        return msgspec.structs.replace(
            self,
            embedding=tuple(embedding.tolist()),
            state=tuple(state.tolist()),
            clips=(*self.clips, *other.clips),
        )


def check_name(name: str) -> str:
    """Return `name` if a voice can be called so.

    Raises: ConfigError if it is empty, long, reserved, or could name a path.
    """
    if not _NAME.fullmatch(name) or name.casefold() in _TAKEN:
        raise ConfigError(
            f"a voice cannot be called {name!r}: want up to 40 letters and digits, "
            "with spaces, - ' . _ between them, and not a reserved word such as 'other'"
        )
    return name


def _anybody(known: Voice, clip: Voice) -> None:
    """Take a further clip of whatever it is."""


class VoiceStore:
    """The voices in one folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or platformdirs.user_data_path("tap-live") / "voices"

    def names(self) -> list[str]:
        """List the enrolled voices, in order."""
        try:
            names = (path.stem for path in self.folder.glob("*.json"))
            return sorted(names, key=lambda name: (name.casefold(), name))
        except OSError as error:
            raise StorageError(f"cannot read {self.folder}: {error.strerror}") from error

    def load(self, name: str) -> Voice:
        """Read one voice.

        Raises: VoiceError if nobody of that name is enrolled; StorageError if its file
            is broken.
        """
        path = self._known(name)
        try:
            voice = msgspec.json.decode(path.read_bytes(), type=Voice)
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror}") from error
        except msgspec.DecodeError as error:
            raise _broken(path, str(error)) from error
        vectors = np.array([len(voice.embedding), len(voice.state)])
        if (vectors != WIDTH).any() or not np.isfinite([*voice.embedding, *voice.state]).all():
            raise _broken(path, f"its numbers are not {WIDTH} finite ones")
        return voice

    def save(self, voice: Voice) -> Path:
        """Write one voice, whole or not at all. Raises: StorageError, ConfigError."""
        path = self._path(voice.name)
        try:
            self._make_folder()
            write_private(path, msgspec.json.encode(voice))
        except OSError as error:
            raise StorageError(
                f"cannot keep the voice in {self.folder}: {error.strerror}; nothing was changed"
            ) from error
        return path

    def add(self, voice: Voice, check: Callable[[Voice, Voice], None] = _anybody) -> Voice:
        """Enrol a voice, or improve the one of that name.

        Args:
            check: takes the voice that is there and the new one; may refuse.
        Raises: as load, save and check.
        """
        if self._path(voice.name).exists():
            known = self.load(voice.name)
            check(known, voice)
            voice = known.and_clip(voice)
        self.save(voice)
        return voice

    def rename(self, name: str, to: str) -> None:
        """Raises: VoiceError if `to` is taken; as load and save."""
        path, new = self._known(name), self._path(to)
        if new.exists() and not new.samefile(path):
            raise VoiceError(f"there is a voice {to!r} already: delete it or take another name")
        voice = msgspec.structs.replace(self.load(name), name=to)
        if new.exists():  # a change of case on a file system that knows none
            path.unlink()
        self.save(voice)
        if path != new:
            path.unlink(missing_ok=True)

    def delete(self, name: str) -> None:
        """Remove one voice, also one whose file is broken."""
        path = self._known(name)
        try:
            path.unlink()
        except OSError as error:
            raise StorageError(f"cannot remove {path}: {error.strerror}") from error

    def export(self, name: str, to: Path) -> None:
        """Write a copy that only its owner can read. Raises: StorageError."""
        data = msgspec.json.format(msgspec.json.encode(self.load(name)), indent=2) + b"\n"
        try:
            write_private(to, data)
        except OSError as error:
            raise StorageError(
                f"cannot write {to}: {error.strerror}; name a folder that is there and yours"
            ) from error

    def _known(self, name: str) -> Path:
        path = self._path(name)
        if not path.is_file():
            there = f"only {', '.join(self.names())}" if self.names() else "nobody is yet"
            raise VoiceError(
                f"no voice {name!r} is enrolled, {there}: `tap-live enrol NAME` enrols one"
            )
        return path

    def _path(self, name: str) -> Path:
        return self.folder / f"{check_name(name)}.json"

    def _make_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)


def _mean(
    first: tuple[float, ...], second: tuple[float, ...], weight: float, other: float
) -> Embedding:
    mean = (np.array(first) * weight + np.array(second) * other) / (weight + other)
    return mean.astype(np.float32)


def _broken(path: Path, why: str) -> StorageError:
    return StorageError(
        f"{path} is no voice that this version can read ({why}): "
        f"`tap-live voices delete {path.stem!r}` and enrol it again"
    )
