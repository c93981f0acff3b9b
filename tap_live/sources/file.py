"""A file as a source: paced like a microphone, or as fast as it is read."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

from tap_live.audio.clock import Clock
from tap_live.audio.files import AudioFile
from tap_live.processor import Audio
from tap_live.sources.pump import Pump
from tap_live.sources.source import Tell

PACED_MS = 10  # as a microphone's callback
UNPACED_MS = 100


class FileSource(Pump):
    """WAV, FLAC, OGG or MP3, mixed down or one channel of it (1 is the first).

    Raises: AudioError as AudioFile does.
    """

    def __init__(
        self,
        path: str | Path,
        channel: int | None = None,
        *,
        paced: bool = False,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(paced=paced, clock=clock)
        self._file = AudioFile(path, channel)
        self.name = self._file.name
        self.rate = self._file.rate

    @property
    def samples(self) -> int:
        """Length of the stream as the header says; what can be read may be less."""
        return self._file.samples

    def _blocks(self, tell: Tell, stopping: Event) -> Iterator[Audio]:
        size = self.rate * (PACED_MS if self.live else UNPACED_MS) // 1000
        with self._file as file:
            yield from file.blocks(size, tell)
