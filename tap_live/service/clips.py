"""Files that a message may name: those of one folder of the user's, and nothing else."""

import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import platformdirs

from tap_live.audio.files import AudioFile
from tap_live.errors import AudioError, ConfigError, StorageError
from tap_live.events import SendClip

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")  # of what may be sent
LARGEST = 24_000_000  # bytes of a clip, some two minutes of WAV
UNTOUCHED_S = 60.0  # after which nobody sends the rest of a clip: parts come many a second


def data_folder() -> Path:
    """Where recordings, clips and voices are kept."""
    return platformdirs.user_data_path("tap-live")


def inside(folder: Path, name: str) -> Path:
    """The file of a plain name in a folder. Raises: ConfigError if it could lie elsewhere."""
    if name != Path(name).name or name.startswith(".") or "\\" in name or "\0" in name:
        raise ConfigError(f"wanted the name of a file in {folder}, found {name!r}")
    path = folder / name
    if path.resolve().parent != folder.resolve():
        raise ConfigError(f"{name!r} leads out of {folder}")
    return path


def take_part(folder: Path, sent: SendClip) -> int:
    """Keep one part of a file; return how many bytes there are. The last makes it a clip.

    Raises: ConfigError if it is not the next part, too large, or no name of a clip; AudioError if
        the whole is no audio; StorageError.
    """
    path = inside(folder, sent.name)
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"wanted a clip as {', '.join(SUFFIXES)}, found {sent.name!r}")
    part = path.with_name(_part_of(sent.name))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = part.stat().st_size if sent.offset and part.exists() else 0
        if sent.offset != there:
            raise ConfigError(f"wanted byte {there} of {sent.name!r} next, found {sent.offset}")
        if there + len(sent.part) > LARGEST:
            raise ConfigError(f"a clip has at most {LARGEST // 1_000_000} MB")
        with part.open("ab" if there else "wb") as file:
            file.write(sent.part)
        if sent.last:
            _finish(part, path)
    except OSError as error:
        raise StorageError(f"cannot keep {sent.name!r} in {folder}: {error.strerror}") from error
    return there + len(sent.part)


def drop_part(folder: Path, name: str) -> None:
    """Remove what came of a clip whose sender is gone."""
    _remove(part for part in _parts(folder) if part.name == _part_of(name))


def drop_old_parts(folder: Path) -> None:
    """Remove what a run left behind that ended in the midst of a clip.

    Another engine may be taking one just now: that is not old.
    """
    oldest = time.time() - UNTOUCHED_S
    _remove(part for part in _parts(folder) if part.stat().st_mtime < oldest)


def _parts(folder: Path) -> list[Path]:
    return list(folder.glob(_part_of("*")))


def _part_of(name: str) -> str:
    return f".{name}.part"


def _remove(parts: Iterable[Path]) -> None:
    with suppress(OSError):  # what stays is tried again at the next start
        for part in parts:
            part.unlink(missing_ok=True)


def _finish(part: Path, path: Path) -> None:
    try:
        with AudioFile(part):
            pass  # it can be read; Windows moves no file that is open
    except AudioError:
        part.unlink(missing_ok=True)
        raise
    part.replace(path)
