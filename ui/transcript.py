"""The captions of a session: lines of what was said, bounded, and what may still change.

Finals are a few words each; they are put together into lines, a sentence or so of one speaker,
the newest of which still grows.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tap_live.captions.cues import Cue, Cues
from tap_live.captions.formats import open_writer
from tap_live.errors import StorageError
from tap_live.events import Caption

MOST = 10_000  # lines, and finals: some five hours of speech without a pause
PARTIALS = 8  # one of a captioner that began anew never turns final
_LONGEST, _LONGEST_S = 240, 20.0  # characters and seconds of a line


@dataclass(frozen=True)
class Line:
    """What is read at once, and where it lies in the session."""

    number: int  # counts from 0
    cue: Cue
    stream: int  # which of the session's streams; their times begin at 0 each
    at: float  # seconds of the session


class Transcript:
    """Take captions; read `lines`, `open` and `partials`.

    Args:
        now: seconds; places streams of one session one after the other.
    """

    def __init__(self, now: Callable[[], float], most: int = MOST) -> None:
        self.lines: deque[Line] = deque(maxlen=most)
        self.count = 0  # lines ever
        self.revision = 0  # grows with every change
        self.stream = -1
        self._now, self._most = now, most
        self._finals: deque[tuple[Caption, float]] = deque(maxlen=most)
        self._base, self._first = 0.0, 0.0
        self._partials: dict[int, Caption] = {}
        self._done: dict[int, None] = {}  # ids of this stream's finals; a repeat is left out
        self._cues = Cues(_fits)

    @property
    def open(self) -> Line | None:
        """The line that still grows."""
        cue = self._cues.open
        return self._line(cue, self.count) if cue is not None else None

    @property
    def partials(self) -> list[Caption]:
        return list(self._partials.values())

    def begin(self) -> None:
        """Take captions of a new stream from now on."""
        self.end()
        now = self._now()
        self._first = now if self.stream < 0 else self._first
        self._base = now - self._first
        self.stream += 1
        self._done.clear()

    def take(self, caption: Caption) -> None:
        """Keep a final, or show a partial until its final comes."""
        if caption.id in self._done:
            return
        self.revision += 1
        self._partials.pop(caption.id, None)
        if caption.state == "final":
            self._done[caption.id] = None
            if len(self._done) > self._most:
                del self._done[next(iter(self._done))]
            if caption.words:
                self._finals.append((caption, self._base))
                for cue in self._cues.push(caption):
                    self._keep(cue)
        elif caption.words:
            self._partials[caption.id] = caption
            if len(self._partials) > PARTIALS:
                del self._partials[next(iter(self._partials))]

    def end(self) -> None:
        """Nothing more comes of this stream."""
        if self._cues.open is not None:
            self._keep(self._cues.open)
        self._cues = Cues(_fits)
        self._partials.clear()
        self.revision += 1

    def clear(self) -> None:
        """Forget everything that was said."""
        self.lines.clear()
        self._finals.clear()
        self._partials.clear()
        self._cues = Cues(_fits)
        self.count = 0
        self.revision += 1

    def text(self) -> str:
        """Everything as lines of text."""
        lines = [*self.lines, *([self.open] if self.open else [])]
        return "\n".join(_named(line.cue) for line in lines)

    def export(self, path: Path) -> int:
        """Write VTT, SRT, TXT or JSON lines, by the suffix; return how many finals.

        Times go on from one stream of the session to the next.

        Raises: ConfigError for another suffix; StorageError if it cannot be written.
        """
        try:
            writer = open_writer(path)
            for caption, base in self._finals:
                writer.write(_moved(caption, base))
            writer.close()
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
        return len(self._finals)

    def _keep(self, cue: Cue) -> None:
        self.lines.append(self._line(cue, self.count))
        self.count += 1

    def _line(self, cue: Cue, number: int) -> Line:
        return Line(number, cue, max(self.stream, 0), self._base + cue.start)


def _fits(cue: Cue) -> bool:
    return len(cue.text) <= _LONGEST and cue.end - cue.start <= _LONGEST_S


def _named(cue: Cue) -> str:
    return f"{cue.speaker}: {cue.text}" if cue.speaker else cue.text


def _moved(caption: Caption, seconds: float) -> Caption:
    if abs(seconds) < 1e-6:
        return caption
    words = tuple(
        msgspec.structs.replace(word, start=word.start + seconds, end=word.end + seconds)
        for word in caption.words
    )
    start, end = caption.start + seconds, caption.end + seconds
    return msgspec.structs.replace(caption, start=start, end=end, words=words)
