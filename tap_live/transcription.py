"""The transcription worker: captions on a thread of its own, as far behind as it must be.

`write` and `end` run on the extraction thread, `run` on the transcription thread.
Extraction never waits for it: between them lies a ring that holds `BACKLOG_S` of
audio, and what falls out of it is skipped with a warning that gives its times.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from tap_live.captions.stream import CaptionStreams, MakeCaptioner
from tap_live.events import AnyEvent, Caption, Failed, StageStats, Warned
from tap_live.extraction import Mixed
from tap_live.follow import Follower
from tap_live.processor import Audio
from tap_live.ring import RingBuffer
from tap_live.standstill import LeftBehind, Worker
from tap_live.workload import Workload

BACKLOG_S = 30
RESUME_S = 10  # after a skip go on this far behind, so that the next skip is not at once
BLOCK_S = 0.1
FAILURES = 3  # a stage that failed this often stays off
PATIENCE_S = 60.0  # for a pass, which a slow machine may take long over; then it is given up

Publish: TypeAlias = Callable[[AnyEvent], None]


class Captions:
    """Captions of a stream at any rate; begun anew when a captioner fails.

    Captioners that failed `FAILURES` times stay off and say so.

    Args:
        makers: one for each channel of the stream.
        position: of the first sample in the stream.
    """

    def __init__(
        self, makers: Sequence[MakeCaptioner], rate: int, publish: Publish, position: int = 0
    ) -> None:
        self.next_id = 0
        self._makers, self._rate, self._publish = makers, rate, publish
        self._failures = 0
        self._pushed = position
        self._begin()

    def push(self, block: Audio, worker: Worker) -> None:
        """Caption (T, C) samples, in steps of `worker`."""
        self._pushed += len(block)
        self._guarded(self._stream.hear(block), worker)

    def flush(self, worker: Worker) -> None:
        self._guarded(self._stream.end(), worker)

    def after(self, why: str) -> "Captions":
        """Make captions that go on after ours stood still."""
        captions = Captions(self._makers, self._rate, self._publish, self._pushed)
        captions.next_id, captions._failures = self.next_id, self._failures
        captions._fail(why)
        return captions

    def _begin(self) -> None:
        self._stream = CaptionStreams(
            self._makers, self._rate, start=self._pushed, first_id=self.next_id
        )

    def _guarded(self, captions: Iterable[Caption], worker: Worker) -> None:
        if self._failures >= FAILURES:
            return
        try:
            for caption in worker.steps(captions):
                self.next_id = max(self.next_id, caption.id + 1)
                self._publish(caption)
        except LeftBehind:
            raise
        except Exception as error:  # whatever a model does, the stream goes on
            self._fail(str(error))

    def _fail(self, why: str) -> None:
        self._failures += 1
        at = self._pushed / self._rate
        if self._failures < FAILURES:
            text = f"captions failed at {at:.1f} s and begin anew: {why}"
            self._publish(Warned(code="captions-restarted", text=text))
        else:
            text = f"captions failed {FAILURES} times and stay off: {why}"
            self._publish(Failed(code="captions-off", text=text))
        self._begin()


class Transcription:
    """Caption everything that is written, until the end.

    Args:
        extracted: hear the voices that are kept, where there are any, not the mixture.
        apart: by name, makers for voices that are kept; each hears its own, if `extracted`.
        wait: lets seconds pass while there is nothing to read.
    """

    def __init__(
        self,
        make_captioner: MakeCaptioner,
        rate: int,
        publish: Publish,
        *,
        extracted: bool = False,
        apart: Mapping[str, MakeCaptioner] | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.skipped: list[tuple[int, int]] = []  # positions in the stream
        self._rate = rate
        self._publish = publish
        self._extracted = extracted
        its = dict(apart or {}) if extracted else {}
        self._apart = tuple(its)
        self._wait = wait
        makers = [*its.values()] or [make_captioner]
        self._captions = Captions(makers, rate, publish)
        self.worker = Worker("transcription", self.run, PATIENCE_S, self._replace)
        self._ring = RingBuffer(BACKLOG_S * rate, channels=len(makers))
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

    @property
    def skipped_s(self) -> float:
        """Seconds of the stream that were skipped so far."""
        return sum(stop - start for start, stop in self.skipped) / self._rate

    def stats(self) -> StageStats:
        return self._workload.stats(delay=self.backlog)

    def write(self, mixed: Mixed) -> None:
        """Take a block at the stream rate; never waits."""
        heard = self._heard(mixed)
        self._ring.write(heard if self._on else np.zeros_like(heard))

    def _heard(self, mixed: Mixed) -> Audio:
        """(T, C) samples, a channel for each captioner."""
        if self._apart:
            return mixed.apart(self._apart)
        return (mixed.speech if self._extracted else mixed.mixture)[:, None]

    def turn(self, on: bool) -> None:
        """Hear silence from now on, or what there is again; any thread."""
        self._on = on

    def end(self) -> None:
        """Let `run` return once all that was written is captioned."""
        self._ended = True

    def run(self) -> None:
        """Caption the stream; returns after the last word."""
        captions = self._captions
        for block in self._reader.blocks(lambda: self._ended, self._wait):
            with self._workload:
                captions.push(block, self.worker)
        captions.flush(self.worker)

    def _replace(self) -> None:
        """On the watch: go on after what the captioner stands still over."""
        self._captions = self._captions.after(f"a pass took over {PATIENCE_S:.0f} s")
        self._workload = Workload()

    def _skip(self, start: int, stop: int) -> None:
        self.skipped.append((start, stop))
        begin, end = start / self._rate, stop / self._rate
        text = f"captions are over {BACKLOG_S} s behind: {begin:.1f} to {end:.1f} s is skipped"
        self._publish(Warned(code="captions-behind", text=text, start=begin, stop=end))
