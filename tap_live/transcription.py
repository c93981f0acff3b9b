"""The transcription worker: captions on a thread of its own, as far behind as it must be.

`write` and `end` run on the extraction thread, `run` on the transcription thread.
Extraction never waits for it: between them lies a ring that holds `BACKLOG_S` of
audio, and what falls out of it is skipped with a warning that gives its times.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from tap_live.captions.stream import CaptionStream, MakeCaptioner
from tap_live.events import AnyEvent, Caption, Failed, StageStats, Warned
from tap_live.extraction import Mixed
from tap_live.follow import Follower
from tap_live.processor import Audio
from tap_live.ring import RingBuffer
from tap_live.workload import Workload

BACKLOG_S = 30
RESUME_S = 10  # after a skip go on this far behind, so that the next skip is not at once
BLOCK_S = 0.1
FAILURES = 3  # a stage that failed this often stays off

Publish: TypeAlias = Callable[[AnyEvent], None]


class Captions:
    """Captions of a stream at any rate; begun anew when the captioner fails.

    A captioner that failed `FAILURES` times stays off and says so.
    """

    def __init__(self, make_captioner: MakeCaptioner, rate: int, publish: Publish) -> None:
        self.next_id = 0
        self._make, self._rate, self._publish = make_captioner, rate, publish
        self._failures = 0
        self._pushed = 0
        self._begin()

    def push(self, block: Audio) -> None:
        self._pushed += len(block)
        self._guarded(lambda: self._stream.push(block))

    def flush(self) -> None:
        self._guarded(lambda: self._stream.drain())  # its captions are out if the end fails
        self._guarded(lambda: self._stream.flush())

    def _begin(self) -> None:
        self._stream = CaptionStream(
            self._make, self._rate, start=self._pushed, first_id=self.next_id
        )

    def _guarded(self, work: Callable[[], list[Caption]]) -> None:
        if self._failures >= FAILURES:
            return
        try:
            captions = work()
        except Exception as error:  # whatever a model does, the stream goes on
            self._failures += 1
            self._report(error)
            self._begin()
            return
        for caption in captions:
            self.next_id = max(self.next_id, caption.id + 1)
            self._publish(caption)

    def _report(self, error: Exception) -> None:
        at = self._pushed / self._rate
        if self._failures < FAILURES:
            text = f"captions failed at {at:.1f} s and begin anew: {error}"
            self._publish(Warned(code="captions-restarted", text=text))
        else:
            text = f"captions failed {FAILURES} times and stay off: {error}"
            self._publish(Failed(code="captions-off", text=text))


class Transcription:
    """Caption everything that is written, until the end.

    Args:
        extracted: hear the voices that are kept, where there are any, not the mixture.
    """

    def __init__(
        self,
        make_captioner: MakeCaptioner,
        rate: int,
        publish: Publish,
        *,
        extracted: bool = False,
    ) -> None:
        self.skipped: list[tuple[int, int]] = []  # positions in the stream
        self._rate = rate
        self._publish = publish
        self._extracted = extracted
        self._captions = Captions(make_captioner, rate, publish)
        self._ring = RingBuffer(BACKLOG_S * rate)
        self._reader = Follower(
            self._ring,
            block=round(BLOCK_S * rate),
            on_gap=self._skip,
            keep=RESUME_S * rate,
        )
        self._workload = Workload()
        self._ended = False
        self._on = True

    @property
    def next_id(self) -> int:
        """The id of the next caption."""
        return self._captions.next_id

    @property
    def position(self) -> int:
        """Samples of the stream that captions have taken."""
        return self._reader.position

    @property
    def backlog(self) -> float:
        """Seconds of audio still to be read."""
        return (self._ring.end - self._reader.position) / self._rate

    def stats(self) -> StageStats:
        return self._workload.stats(delay=self.backlog)

    def write(self, mixed: Mixed) -> None:
        """Take a block at the stream rate; never waits."""
        heard = mixed.speech if self._extracted else mixed.mixture
        self._ring.write(heard if self._on else np.zeros_like(heard))

    def turn(self, on: bool) -> None:
        """Hear silence from now on, or what there is again; any thread."""
        self._on = on

    def end(self) -> None:
        """Let `run` return once all that was written is captioned."""
        self._ended = True

    def run(self) -> None:
        """Caption the stream; returns after the last word."""
        for block in self._reader.blocks(lambda: self._ended):
            with self._workload:
                self._captions.push(block)
        self._captions.flush()

    def _skip(self, start: int, stop: int) -> None:
        self.skipped.append((start, stop))
        begin, end = start / self._rate, stop / self._rate
        text = f"captions are over {BACKLOG_S} s behind: {begin:.1f} to {end:.1f} s is skipped"
        self._publish(Warned(code="captions-behind", text=text, start=begin, stop=end))
