"""A WAV or FLAC file as an output."""

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soundfile

from tap_live.errors import ConfigError, StorageError
from tap_live.processor import Audio

FORMATS = {".wav": "FLOAT", ".flac": "PCM_24"}  # 32-bit float never clips; FLAC has no float


class FileOutput:
    """Write the stream to a file, whose suffix says how: `.wav` or `.flac`.

    Raises: ConfigError for another suffix; StorageError if it cannot be written. What
        was written before stays playable.
    """

    delay = 0.0

    def __init__(self, path: str | Path, rate: int) -> None:
        self.path = Path(path)
        self.name = self.path.name
        subtype = check_format(self.path)
        try:
            self._file = soundfile.SoundFile(self.path, "w", rate, 1, subtype)
        except (soundfile.LibsndfileError, OSError) as error:
            raise StorageError(f"cannot write '{path}': {reason(self.path, error)}") from error

    def write(self, block: Audio) -> None:
        try:
            self._file.write(np.asarray(block, np.float32))
        except (soundfile.LibsndfileError, OSError) as error:
            raise StorageError(
                f"cannot write on to '{self.path}': {reason(self.path, error)}"
            ) from error

    def turn(self, on: bool) -> None:
        """Keep everything."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._file.close()


def check_format(path: Path) -> str:
    """Return how samples are kept in a file of that name. Raises: ConfigError."""
    subtype = FORMATS.get(path.suffix.lower())
    if subtype is None:
        raise ConfigError(f"wanted a .wav or .flac file to write, found '{path}'")
    return subtype


def reason(path: Path, error: Exception) -> str:
    """Why a file cannot be written, and what to do where that is known."""
    if not path.parent.is_dir():
        return f"there is no folder '{path.parent}': make it first"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).removeprefix(f"Error opening {str(path)!r}: ")
