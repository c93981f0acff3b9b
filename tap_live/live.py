"""The path of one live stream.

    source ─ring─▶ extraction ─▶ output
                      ├─ring──▶ transcription ─▶ captions ─▶ events
                      └─queue─▶ recorder

Threads: the source's own writes the ring. The extraction thread (`_run`) reads it, feeds
everybody else, and when the source has ended closes them in order. Transcription and
recorders have a thread each. A watch replaces the extraction or transcription thread when a
model never returns. Whatever else fails ends the stream, and what was captured is kept.
Events are read by whoever holds the subscription. What may be called while the stream runs says
so; it takes effect between two blocks.
"""

import logging
import math
import queue
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Self

from tap_live import __version__
from tap_live.bus import EventBus, Subscription
from tap_live.errors import NotPossibleError, StreamError, TapError
from tap_live.events import AnyEvent, Bye, Caption, Device, Failed, Hello, StageStats, Stats, Warned
from tap_live.extraction import FAILURES, Extraction, Mixed, Wanted
from tap_live.follow import Follower
from tap_live.late import caption_late
from tap_live.metering import Metering
from tap_live.outputs.output import NullOutput
from tap_live.overload import Overload
from tap_live.parts import Parts
from tap_live.recordings import Recordings
from tap_live.ring import RingBuffer
from tap_live.scheduling import ask_for_real_time, give_back_real_time, short_turns
from tap_live.sources.source import RingSink
from tap_live.standstill import LeftBehind, Watch, Worker
from tap_live.streams import Stream
from tap_live.taps import Tap, Taps
from tap_live.transcription import Transcription
from tap_live.workload import Workload

logger = logging.getLogger(__name__)

RING_S = 4  # what extraction may be behind, besides what its failures cost, before samples are lost
HOP_MS = 16
PATIENCE_S = 2.0  # for a step, beyond what the extractor says that it may take
STATS_S = 1.0


class Live:
    """Run a stream inside a `with`; read `events` up to `bye`. No thread is left after it.

    Raises: on entering, what the devices raise when they cannot be opened.
    """

    def __init__(self, parts: Parts) -> None:
        self.error: TapError | None = None  # why the stream ended before its time
        self._parts = parts
        self._rate = rate = parts.source.rate
        self._ring = RingBuffer(1)  # until it is known how much it must hold
        self._bus = EventBus(now=lambda: self._ring.end / rate)
        self.events = self._bus.subscribe()
        self._extraction = self._make_extraction()
        self._patience_s = PATIENCE_S + self._extraction.step_s
        self._ring = RingBuffer(self._must_hold())
        self._reader = self._read_from(0)
        self._overload = Overload(rate)
        make_output = parts.make_output or (lambda rate, tell: NullOutput())
        self._output = make_output(rate, self._publish)
        self._transcription = (
            Transcription(
                parts.make_captioner,
                rate,
                self._publish,
                extracted=parts.caption_extracted,
                apart=parts.caption_apart,
                wait=self._wait,
            )
            if parts.make_captioner
            else None
        )
        self._recordings = Recordings(parts.record, rate, self._publish)
        self._metering = Metering(rate, self._publish)
        self._taps = Taps(self._publish)
        self._taps.add(self._metering.push)
        self._requests: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._handed = 0  # samples that everybody has been given
        self._muted = False
        self._input_gone = False
        self._worker = Worker("extraction", self._run, self._patience_s, self._replace)
        self._workload = Workload()
        self._hurried: int | None = None  # the extraction thread, if it has real time
        self._limit = math.inf if parts.seconds is None else parts.seconds * rate
        self._lost = 0
        self._stats_due = 0.0
        self._stopping = False
        self._never = Event()

    def __enter__(self) -> Self:
        self._publish(self._hello())
        sink = RingSink(self._ring, self._read)
        with ExitStack() as opening:  # closed again if one of them does not open
            opening.enter_context(short_turns())
            opening.enter_context(self._output)
            opening.enter_context(self._parts.source.feed(sink, self._hear_of))
            self._devices = opening.pop_all()
        self._recordings.start()
        workers = [self._worker]
        if self._transcription:  # before extraction, which may end at once and then waits for it
            workers.insert(0, self._transcription.worker)
        for worker in workers:
            worker.start()
        self._watch = Watch(workers, self._parts.clock).__enter__()
        return self

    @property
    def rate(self) -> int:
        """Of the stream, in Hz."""
        return self._rate

    @property
    def at(self) -> float:
        """Seconds of the stream that everybody has been given."""
        return self._handed / self._rate

    @property
    def going(self) -> bool:
        """Whether it has begun and is not over: its last event may still come. Any thread."""
        return self._worker.alive

    def subscribe(self, capacity: int = 256) -> Subscription:
        """Listen to events from now on."""
        return self._bus.subscribe(capacity)

    def tap(self, take: Tap) -> None:
        """Show everything to `take` too, from the next block on. Any thread."""
        self._taps.add(take)

    def stop(self) -> None:
        """End the stream; what was captured is still captioned and kept. Any thread."""
        self._limit = min(self._limit, self._ring.end)  # a source that goes on is not read on
        self._stopping = True

    def mute(self, on: bool) -> None:
        """Let nothing be heard, while everything else goes on. Any thread."""
        self._muted = on
        self._turn_output()

    def caption(self, on: bool) -> None:
        """Caption from now on, or no more. Any thread. Raises: NotPossibleError."""
        if self._transcription is None:
            raise NotPossibleError("this stream was started without captions: leave --no-caption")
        self._transcription.turn(on)

    def set_targets(self, wanted: Sequence[Wanted], rest_gain: float) -> None:
        """Keep these targets from the next block on, without a click. Any thread."""
        self._requests.put(lambda: self._set_targets(wanted, rest_gain))

    def show_spectra(self, streams: Collection[Stream]) -> None:
        """Publish spectra of these streams from now on; of none, none. Any thread."""
        self._requests.put(lambda: self._metering.show_spectra(streams, self._handed))

    def record(self, folder: Path) -> Callable[[], None]:
        """Begin one more recording; return what ends it and waits for its audio. Any thread.

        What was said before the end is kept even if it becomes final afterwards.

        Raises: StorageError if the folder cannot be written or holds a recording already.
        """
        recorder = self._recordings.open(folder)
        self._requests.put(lambda: self._recordings.begin(recorder, self._handed))

        def end() -> None:
            self._requests.put(lambda: self._recordings.finish(recorder, self._handed))
            while not recorder.closed.wait(HOP_MS / 1000):
                if not self._worker.alive:  # the stream is over: nobody takes requests
                    recorder.end()

        return end

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()
        self._worker.join()
        self._watch.__exit__(kind, error, at)
        self._parts.close()

    def _make_extraction(self) -> Extraction:
        if self._parts.make_extraction is None:
            return Extraction()
        return self._parts.make_extraction(self._rate, self._publish)

    def _must_hold(self) -> int:
        """Samples that the ring keeps: a failure takes extraction back to what was handed on.

        That is its lookahead behind what it read; it may stand still until it stays off.
        """
        behind_s = RING_S + FAILURES * self._patience_s
        return self._extraction.lookahead + math.ceil(behind_s * self._rate)

    def _read_from(self, position: int) -> Follower:
        block = self._rate * HOP_MS // 1000
        return Follower(self._ring, block=block, on_gap=self._lose, position=position)

    def _wait(self, seconds: float) -> None:
        self._parts.clock.wait(self._never, seconds)

    def _read(self) -> int:
        """Where everybody has got to that a source which can wait should wait for."""
        return self._transcription.position if self._transcription else self._handed

    def _hear_of(self, event: Device | Warned) -> None:
        """On a thread of the source: what is heard fades out while the input is gone."""
        if isinstance(event, Device) and event.change in ("lost", "returned"):
            self._input_gone = event.change == "lost"
            self._turn_output()
        self._publish(event)

    def _turn_output(self) -> None:
        self._output.turn(not (self._muted or self._input_gone))

    def _run(self) -> None:
        """The extraction thread."""
        for part in (
            self._extract,
            self._close_devices,
            self._metering.end,
            self._do_requests,
            self._end_captions,
            self._do_requests,  # what came since: a recording ends at once
            self._recordings.close,
            lambda: self._publish(self._stats()),
        ):
            with self._guarded():
                part()
        ended = "stopped" if self._stopping else "end of the input"
        self._publish(Bye(reason="a fault" if isinstance(self.error, StreamError) else ended))

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Whatever fails in here, the rest is still closed, and everybody told."""
        try:
            yield
        except LeftBehind:
            raise
        except Exception as error:
            logger.exception("the stream failed")
            text = f"a fault ended the stream; what was given by {self.at:.1f} s is kept: {error!r}"
            self._fail("stream", StreamError(text))

    def _fail(self, code: str, error: TapError) -> None:
        self.error = self.error or error
        self._publish(Failed(code=code, text=str(error)))

    def _extract(self) -> None:
        """Give everybody what comes, until the source or somebody ends it."""
        self._hurried = ask_for_real_time() if self._parts.source.live else None
        for block in self._reader.blocks(self._is_over, self._idle):
            with self._worker.step(), self._workload:
                mixed = self._extraction.push(block)
            self._hand_on(mixed)
            self._keep_up()
            if self._reader.position >= self._limit:
                self.stop()
                break
        for mixed in self._worker.steps(self._extraction.rest()):
            self._hand_on(mixed)

    def _replace(self) -> None:
        """On the watch: let what stands still be; what nobody was given is read again."""
        give_back_real_time(self._hurried)
        why = f"it gave no answer for {self._patience_s:.0f} s"
        self._extraction = self._make_extraction().after(self._extraction, self._handed, why)
        self._extraction.bypass(self._overload.resting)
        self._reader = self._read_from(self._handed)
        self._workload = Workload()

    def _keep_up(self) -> None:
        """Let the mixture pass while the machine is too slow; a source that waits has time."""
        if not self._parts.source.live or self._parts.make_extraction is None:
            return
        changed = self._overload.watch(self._reader.position, self._ring.end)
        if changed:
            with self._worker.step():
                self._extraction.bypass(self._overload.resting)
            self._publish(changed)

    def _set_targets(self, wanted: Sequence[Wanted], rest_gain: float) -> None:
        try:
            self._extraction.set_targets(wanted, rest_gain)
        except TapError as error:
            self._publish(Failed(code="targets", text=str(error)))

    def _idle(self, seconds: float) -> None:
        self._do_requests()
        self._wait(seconds)

    def _is_over(self) -> bool:
        return self._parts.source.ended or self._stopping

    def _hand_on(self, mixed: Mixed) -> None:
        self._do_requests()
        transcription = self._transcription
        self._recordings.write(mixed, transcription.position if transcription else None)
        self._play(mixed)
        if transcription:
            transcription.write(mixed)
        self._taps.push(mixed)
        self._handed += len(mixed.mixture)
        if self._reader.position >= self._stats_due * self._rate:
            self._stats_due += STATS_S
            self._publish(self._stats())

    def _play(self, mixed: Mixed) -> None:
        try:
            self._output.write(mixed.output)
        except TapError as error:
            self._publish(Failed(code="output-stopped", text=str(error)))
            self._output = NullOutput()

    def _do_requests(self) -> None:
        while not self._requests.empty():
            self._requests.get()()

    def _lose(self, start: int, stop: int) -> None:
        self._lost += stop - start
        held_s = self._ring.capacity / self._rate
        text = f"extraction was over {held_s:.0f} s late: {stop - start} samples are lost"
        begin, end = start / self._rate, stop / self._rate
        self._publish(Warned(code="samples-lost", text=text, start=begin, stop=end))

    def _close_devices(self) -> None:
        self._devices.close()
        if self._parts.source.error:
            self._fail("source", self._parts.source.error)

    def _end_captions(self) -> None:
        """Caption the rest of what was given, then what had to be skipped."""
        if self._transcription:
            self._transcription.end()
            while self._transcription.worker.alive:
                self._wait(HOP_MS / 1000)
            self._caption_late(self._transcription)

    def _caption_late(self, transcription: Transcription) -> None:
        """Caption from the recording what captions had to skip."""
        whole, make_captioner = self._recordings.whole, self._parts.make_captioner
        if transcription.skipped and whole and make_captioner:
            first_id = transcription.next_id
            audio = whole.finish_audio()
            said = [word for final in whole.finals() for word in final.words]
            for event in caption_late(audio, transcription.skipped, make_captioner, first_id, said):
                self._publish(event)

    def _publish(self, event: AnyEvent) -> None:
        said = self._bus.publish(event)
        if isinstance(said, Caption) and said.state == "final":
            self._recordings.caption(said)

    def _hello(self) -> Hello:
        return Hello(
            version=__version__,
            rate=self._rate,
            bundles=self._parts.bundles,
            capabilities=tuple(
                name
                for name, there in (
                    ("captions", self._transcription),
                    ("extraction", self._parts.make_extraction),
                )
                if there
            ),
            role="controller",
        )

    def _stats(self) -> Stats:
        stages = {"extraction": self._workload.stats(self._extraction.lookahead / self._rate)}
        if self._transcription:
            stages["captions"] = self._transcription.stats()
        for name, device in (("input", self._parts.source), ("output", self._output)):
            if device.delay:
                stages[name] = StageStats(delay=device.delay, time=0.0, share=0.0)
        skipped = self._transcription.skipped_s if self._transcription else 0.0
        return Stats(
            stages=stages,
            backlog=self._transcription.backlog if self._transcription else 0.0,
            lost=self._lost + self._parts.source.lost,
            overload=self._overload.rested + skipped,
        )
