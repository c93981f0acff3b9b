"""Captions in files: WebVTT, SubRip, plain text, JSON lines.

with closing(open_writer(path)) as writer:
    writer.write(caption)

A file can be read at any moment, as long as it gets: every `write` leaves it complete.
"""

import html
from abc import ABC, abstractmethod
from pathlib import Path
from typing import BinaryIO, Protocol

from tap_live.captions.cues import Cue, Cues, fits_a_line, fits_a_screen, wrapped
from tap_live.errors import ConfigError
from tap_live.events import Caption, encode


class CaptionWriter(Protocol):
    """Keeps finals; partials are left out."""

    def write(self, caption: Caption) -> None:
        """Raises: OSError if the disk does not take it."""
        ...

    def close(self) -> None: ...


class _CueWriter(ABC):
    """Append complete cues, and write the newest again for as long as it grows."""

    head = ""
    fits = staticmethod(fits_a_screen)

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._cues = Cues(self.fits)
        self._count = 0  # complete cues
        self._file.write(self.head.encode())
        self._file.flush()
        self._complete = self._file.tell()  # bytes that stay as they are

    @abstractmethod
    def format(self, number: int, cue: Cue) -> str:
        """Write one cue, the `number`th from 1."""

    def write(self, caption: Caption) -> None:
        if caption.state != "final" or not caption.words:
            return
        self._file.seek(self._complete)
        for cue in self._cues.push(caption):
            self._count += 1
            self._file.write(self.format(self._count, cue).encode())
        self._complete = self._file.tell()
        assert self._cues.open is not None
        self._file.write(self.format(self._count + 1, self._cues.open).encode())
        self._file.truncate()
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class VttWriter(_CueWriter):
    """WebVTT, with a voice tag where the speaker is known."""

    head = "WEBVTT\n\n"

    def format(self, number: int, cue: Cue) -> str:
        voice = f"<v {_escaped(_line(cue.speaker))}>" if cue.speaker else ""
        lines = "\n".join(_escaped(line) for line in wrapped(cue.text))
        return f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{voice}{lines}\n\n"


class SrtWriter(_CueWriter):
    """SubRip, with "Name: " where the speaker is known. The format knows no escapes."""

    def format(self, number: int, cue: Cue) -> str:
        times = f"{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}"
        lines = "\n".join(wrapped(_named(cue)))
        return f"{number}\n{times}\n{lines}\n\n"


class TxtWriter(_CueWriter):
    """A line a sentence, with "Name: " where the speaker is known."""

    fits = staticmethod(fits_a_line)

    def format(self, number: int, cue: Cue) -> str:
        return _named(cue) + "\n"


class JsonlWriter:
    """Each final as it was published, one JSON object a line."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, caption: Caption) -> None:
        if caption.state == "final":
            self._file.write(encode(caption) + b"\n")
            self._file.flush()

    def close(self) -> None:
        self._file.close()


WRITERS: dict[str, type[_CueWriter] | type[JsonlWriter]] = {
    ".vtt": VttWriter,
    ".srt": SrtWriter,
    ".txt": TxtWriter,
    ".jsonl": JsonlWriter,
}


class LateWriter:
    """A file of captions that begins with its first word: until then an old one stays as it is.

    Raises: ConfigError as `check_name`; OSError if it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._writer = check_name(path)
        path.touch()
        self._file = path.open("r+b")
        self._begun: CaptionWriter | None = None

    def begin(self) -> CaptionWriter:
        """Replace what was there, even where no word is ever said."""
        if self._begun is None:
            self._file.truncate()
            self._begun = self._writer(self._file)
        return self._begun

    def write(self, caption: Caption) -> None:
        self.begin().write(caption)

    def close(self) -> None:
        self._file.close()


def open_writer(path: Path) -> CaptionWriter:
    """Begin a file of captions in the format that its suffix names; an old one is replaced.

    Raises: ConfigError as `check_name`; OSError if it cannot be written.
    """
    return check_name(path)(path.open("wb"))


def check_name(path: Path) -> type[_CueWriter] | type[JsonlWriter]:
    """Return the format that a suffix names. Raises: ConfigError if it names none."""
    try:
        return WRITERS[path.suffix.lower()]
    except KeyError:
        raise ConfigError(
            f"captions are written to {', '.join(WRITERS)}, not to {path.name!r}"
        ) from None


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)


def _named(cue: Cue) -> str:
    return f"{_line(cue.speaker)}: {cue.text}" if cue.speaker else cue.text


def _line(text: str) -> str:
    return " ".join(text.split())


def _clock(seconds: float, point: str) -> str:
    milliseconds = max(0, round(seconds * 1000))
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{point}{rest % 1000:03}"
