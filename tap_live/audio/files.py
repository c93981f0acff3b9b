"""Read any audio file block by block: WAV, FLAC, OGG, MP3 and what else libsndfile knows."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soundfile

from tap_live.audio.channels import check_channel, check_rate, mono
from tap_live.audio.repair import Repair, Tell
from tap_live.errors import AudioError
from tap_live.events import Warned
from tap_live.processor import Audio

OGG_LAST_PAGE = 4  # flag in the header of a stream's last page (RFC 3533, section 6)
UNKNOWN_SIZE = 0x7FFF_0000  # a WAV written to a pipe claims at least this many bytes


class _Forward(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A file that is only read on: soundfile seeks after every block, which breaks MP3 frames."""

    def seekable(self) -> bool:
        return False


class AudioFile:
    """A file as mono blocks; memory does not grow with its length.

    Args:
        channel: 1 is the first; None mixes them down.
    Raises: AudioError if it is no audio, or empty, or has no such channel, or its rate
        is not 8 to 192 kHz.
    """

    def __init__(self, path: str | Path, channel: int | None = None) -> None:
        self.path = Path(path)
        self.name = self.path.name
        self._file = _open(self.path)
        try:
            self.rate = check_rate(self._file.samplerate, f"'{self.name}'")
            self.channels: int = self._file.channels
            self._channel = check_channel(channel, self.channels, f"'{self.name}'")
            self.samples: int = self._file.frames  # as the header says; a bound, not a promise
            if self.samples == 0:
                raise AudioError(f"'{self.name}' holds no audio: a header and no samples")
        except AudioError:
            self.close()
            raise

    def blocks(self, size: int, tell: Tell) -> Iterator[Audio]:
        """Yield (size,) samples, the last block shorter; once.

        What is wrong but can be lived with (cut short, clipped, NaN) is told once, as a
        warning; what can be read is read.

        Raises: AudioError if not one sample can be read.
        """
        done, why = 0, ""
        repair = Repair(f"'{self.name}'", self.rate, tell)
        buffer = np.empty((size, self.channels), np.float32)
        while not why:
            try:
                block = self._file.read(out=buffer)
            except soundfile.LibsndfileError as error:
                why = str(error)
                break
            if not len(block):
                break
            done += len(block)
            yield repair.push(mono(block, self._channel).copy())
        if not done:
            raise AudioError(
                f"'{self.name}' holds no audio that can be read: {why or 'no samples'}"
            )
        self._check_whole(done, why, tell)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def _check_whole(self, done: int, why: str, tell: Tell) -> None:
        declared = max(self.samples, _declared_frames(self._file))
        if done >= declared and not why and not _ogg_is_cut(self.path, self._file.format):
            return
        seconds = done / self.rate
        wanted = f" of {declared / self.rate:.2f} s" if declared > done else ""
        tell(
            Warned(
                code="truncated",
                text=f"'{self.name}' is cut short: {seconds:.2f} s{wanted} could be read"
                + (f" ({why})" if why else ""),
                start=seconds,
            )
        )


def read_audio(path: str | Path, tell: Tell, channel: int | None = None) -> tuple[Audio, int]:
    """Read a whole file that is known to be short; return (T,) samples and their rate.

    Raises: AudioError as AudioFile does.
    """
    with AudioFile(path, channel) as file:
        return np.concatenate(list(file.blocks(file.rate, tell))), file.rate


def _open(path: Path) -> soundfile.SoundFile:
    wanted = f"wanted audio (WAV, FLAC, OGG or MP3) in '{path}'"
    if not path.exists():
        raise AudioError(f"{wanted}, found no such file")
    if path.is_dir():
        raise AudioError(f"{wanted}, found a folder")
    if path.stat().st_size == 0:
        raise AudioError(f"{wanted}, found an empty file")
    try:
        return _Forward(path)
    except soundfile.LibsndfileError as error:
        if "SF_INFO" in str(error):
            raise AudioError(
                f"{wanted}, found a header with a rate or channel count of 0"
            ) from error
        found = "text" if _is_text(path) else f"something else ({error.error_string})"
        raise AudioError(f"{wanted}, found {found}") from error
    except TypeError as error:  # soundfile wants the rate of a headerless file
        raise AudioError(
            f"{wanted}, found a file without a header; pass raw samples on standard input"
        ) from error


def _is_text(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(512)
    return head.isascii() and b"\0" not in head


def _declared_frames(file: soundfile.SoundFile) -> int:
    """Frames that a WAV header promises, where libsndfile found fewer bytes; else 0."""
    found = re.search(r"^\s*data : (\d+) \(should be (\d+)\)", file.extra_info, re.MULTILINE)
    if not found or int(found[1]) >= UNKNOWN_SIZE or not int(found[2]):
        return 0
    frames: int = file.frames
    return frames * int(found[1]) // int(found[2])


def _ogg_is_cut(path: Path, kind: str) -> bool:
    """Whether the last Ogg page is not marked as the last of its stream."""
    if kind != "OGG":
        return False
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2**17))  # a page is less than 64 KiB
        tail = file.read()
    page = tail.rfind(b"OggS")
    return page < 0 or len(tail) < page + 6 or not tail[page + 5] & OGG_LAST_PAGE
