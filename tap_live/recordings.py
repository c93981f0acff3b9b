"""All recordings of one stream: that of the whole, and those begun and ended while it runs.

`open` and `closing` run on any thread, `caption` on whichever says something, all else on
the extraction thread.
"""

from collections.abc import Callable
from pathlib import Path

from tap_live.events import AnyEvent, Caption
from tap_live.extraction import Mixed
from tap_live.recorder import Recorder

LINGER_S = 30  # captioned after the end of a recording, by when its last words are final


class Recordings:
    """Recorders of a stream, each with a thread of its own.

    Args:
        folder: where the whole stream is kept, if it is.
    Raises: StorageError as `Recorder`.
    """

    def __init__(self, folder: Path | None, rate: int, publish: Callable[[AnyEvent], None]) -> None:
        self._rate, self._publish = rate, publish
        self.whole = Recorder(folder, rate, publish) if folder else None
        self._listening: tuple[Recorder, ...] = (self.whole,) if self.whole else ()
        self._running = list(self._listening)
        self._ended: dict[Recorder, int] = {}  # with the positions where their audio stopped

    def start(self) -> None:
        """Let the recording of the whole begin."""
        if self.whole:
            self.whole.thread.start()

    def open(self, folder: Path) -> Recorder:
        """Make a recorder and its files; `begin` comes next."""
        recorder = Recorder(folder, self._rate, self._publish)
        recorder.thread.start()
        return recorder

    def begin(self, recorder: Recorder, position: int) -> None:
        """Keep all from `position` on."""
        recorder.begin_at(position)
        self._running.append(recorder)
        self._listening += (recorder,)

    def finish(self, recorder: Recorder, position: int) -> None:
        """Keep no audio from `position` on, only what was said before."""
        if recorder in self._running:
            self._running.remove(recorder)
            recorder.end_audio(position)
            self._ended[recorder] = position

    def write(self, mixed: Mixed, captioned: int | None) -> None:
        """Keep a block; `captioned` samples of the stream are, None where nothing ever is."""
        for recorder in self._running:
            recorder.write(mixed)
        for recorder, stop in list(self._ended.items()):
            if captioned is None or captioned >= stop + LINGER_S * self._rate:
                self._let_go(recorder)

    def caption(self, caption: Caption) -> None:
        """Keep a final."""
        for recorder in self._listening:
            recorder.caption(caption)

    def close(self) -> None:
        """Put everything on disk; returns when it is there."""
        recorders, self._listening = self._listening, ()
        self._running.clear()
        self._ended.clear()
        for recorder in recorders:
            recorder.end()
            recorder.thread.join()

    def _let_go(self, recorder: Recorder) -> None:
        del self._ended[recorder]
        self._listening = tuple(other for other in self._listening if other is not recorder)
        recorder.end()
