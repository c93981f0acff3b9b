"""The captions of a session: finals, bounded, and the partials of this moment."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tap_live.captions.formats import open_writer
from tap_live.errors import StorageError
from tap_live.events import Caption

MOST = 10_000  # finals: some five hours of speech without a pause
PARTIALS = 8  # one of a captioner that began anew never turns final


@dataclass(frozen=True)
class Line:
    """One final, and where it lies in the session."""

    number: int  # counts from 0
    caption: Caption
    stream: int  # which of the session's streams; their times begin at 0 each
    at: float  # seconds of the session


class Transcript:
    """Take captions; read `lines` and `partials`.

    Args:
        now: seconds; places streams of one session one after the other.
    """

    def __init__(self, now: Callable[[], float], most: int = MOST) -> None:
        self.lines: deque[Line] = deque(maxlen=most)
        self.count = 0  # finals ever
        self.revision = 0  # grows with every change
        self.stream = -1
        self._now = now
        self._base, self._first = 0.0, 0.0
        self._partials: dict[int, Caption] = {}
        self._done: set[int] = set()  # ids of this stream's finals; a repeat is left out

    @property
    def partials(self) -> list[Caption]:
        return list(self._partials.values())

    def begin(self) -> None:
        """Take captions of a new stream from now on."""
        now = self._now()
        self._first = now if self.stream < 0 else self._first
        self._base = now - self._first
        self.stream += 1
        self.revision += 1
        self._partials.clear()
        self._done.clear()

    def take(self, caption: Caption) -> None:
        """Keep a final, or show a partial until its final comes."""
        if caption.id in self._done:
            return
        self.revision += 1
        self._partials.pop(caption.id, None)
        if caption.state == "final":
            self._done.add(caption.id)
            if caption.words:
                self.lines.append(
                    Line(self.count, caption, max(self.stream, 0), self._base + caption.start)
                )
                self.count += 1
        elif caption.words:
            self._partials[caption.id] = caption
            if len(self._partials) > PARTIALS:
                del self._partials[next(iter(self._partials))]

    def end(self) -> None:
        """Nothing more comes of this stream."""
        self._partials.clear()
        self.revision += 1

    def clear(self) -> None:
        """Forget everything that was said."""
        self.lines.clear()
        self._partials.clear()
        self.count = 0
        self.revision += 1

    def speakers(self) -> list[str]:
        """Names, in the order in which they were first heard."""
        return list(
            dict.fromkeys(line.caption.speaker for line in self.lines if line.caption.speaker)
        )

    def text(self) -> str:
        """Everything as lines of text."""
        return "\n".join(_named(line.caption) for line in self.lines)

    def export(self, path: Path) -> int:
        """Write VTT, SRT, TXT or JSON lines, by the suffix; return how many finals.

        Times go on from one stream of the session to the next.

        Raises: ConfigError for another suffix; StorageError if it cannot be written.
        """
        try:
            writer = open_writer(path)
            for line in self.lines:
                writer.write(_moved(line.caption, line.at - line.caption.start))
            writer.close()
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
        return len(self.lines)


def _named(caption: Caption) -> str:
    return f"{caption.speaker}: {caption.text}" if caption.speaker else caption.text


def _moved(caption: Caption, seconds: float) -> Caption:
    if abs(seconds) < 1e-6:
        return caption
    words = tuple(
        msgspec.structs.replace(word, start=word.start + seconds, end=word.end + seconds)
        for word in caption.words
    )
    start, end = caption.start + seconds, caption.end + seconds
    return msgspec.structs.replace(caption, start=start, end=end, words=words)
