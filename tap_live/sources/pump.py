"""The thread of a source that is read rather than called back: a file, standard input.

`_run` is that thread; everything else runs on the caller's.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from tap_live.audio.clock import Clock, SystemClock
from tap_live.errors import AudioError, TapError
from tap_live.processor import Audio
from tap_live.sources.source import Sink, Tell

logger = logging.getLogger(__name__)

POLL_S = 0.005  # between two looks for room


class Pump(ABC):
    """Write blocks to a sink: paced by a clock, or as fast as there is room.

    `live` says which: a paced source cannot wait, like the microphone it stands for.
    """

    name: str
    rate: int
    delay = 0.0

    def __init__(self, *, paced: bool, clock: Clock | None = None) -> None:
        self.live = paced
        self.lost = 0
        self.ended = False
        self.error: TapError | None = None
        self._clock = clock or SystemClock()
        self._stopping = Event()

    @abstractmethod
    def _blocks(self, tell: Tell, stopping: Event) -> Iterator[Audio]:
        """Yield the stream; an iterator that waits returns when `stopping` is set."""

    @contextmanager
    def feed(self, sink: Sink, tell: Tell) -> Iterator[None]:
        """Run the thread inside a `with`; see `Source.feed`."""
        thread = Thread(target=self._run, args=(sink, tell), name=f"source {self.name}")
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join()

    def _run(self, sink: Sink, tell: Tell) -> None:
        try:
            self._write(sink, tell)
        except TapError as error:
            self.error = error
        except OSError as error:
            self.error = AudioError(f"cannot read {self.name}: {error}")
        except Exception as error:
            logger.exception("source %s failed", self.name)
            self.error = AudioError(f"cannot read {self.name}: {error!r}")
        finally:
            self.ended = True

    def _write(self, sink: Sink, tell: Tell) -> None:
        position, started = 0, self._clock.now()
        for block in self._blocks(tell, self._stopping):
            position += len(block)
            if self.live:
                self._wait_until(started + position / self.rate)
            else:
                self._wait_for_room(sink, len(block))
            if self._stopping.is_set():
                return
            sink.write(block)

    def _wait_until(self, when: float) -> None:
        """Let a block be heard before it is written, as a microphone does."""
        late = when - self._clock.now()
        if late > 0:
            self._clock.wait(self._stopping, late)

    def _wait_for_room(self, sink: Sink, samples: int) -> None:
        while sink.room() < samples and not self._stopping.is_set():
            self._stopping.wait(POLL_S)
