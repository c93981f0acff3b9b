"""A microphone in a made-up room, on a clock of its own, which waits for the engine.

The source is the real one with its keeper and watchdog; only the device behind it and its
clock are ours. `_run` is the thread that stands for the device's callback; `advance` lets
the keeper do all that is due before time goes on.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread

import numpy as np

from tap_live.devices import Device
from tap_live.errors import DeviceError
from tap_live.portaudio import Asked, Heard, Stream
from tap_live.processor import Audio
from tap_live.soak.meeting import RATE, Meeting
from tap_live.sources.device import MicrophoneSource
from tap_live.sources.source import Sink, Tell

BLOCK_MS = 20
BLOCK = RATE * BLOCK_MS // 1000
LEAD = RATE // 10  # samples that the device may be ahead of the engine: well under an overload
POLL_S = 0.002
MICROPHONE = Device(
    index=0, name="room", description="a meeting", role="input", kind="microphone",
    channels=1, rate=RATE, default=True, host="soak", portaudio=0,
)  # fmt: skip


class RoomClock:
    """Time that passes when the room says so, once all who were due have waited again."""

    def __init__(self) -> None:
        self._now = 0.0
        self._moved = threading.Condition()
        self._waiting: dict[Thread, float] = {}

    def now(self) -> float:
        return self._now

    def wait(self, stop: Event, seconds: float) -> bool:
        with self._moved:
            me, deadline = threading.current_thread(), self._now + seconds
            self._waiting[me] = deadline
            self._moved.notify_all()
            while self._now < deadline and not stop.is_set():
                self._moved.wait(0.02)  # `stop` is set without a word to us
            del self._waiting[me]
        return stop.is_set()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._moved:
            self._now += seconds
            due = [one for one, when in self._waiting.items() if when <= self._now]
            if due:
                self._moved.notify_all()
            while any(one.is_alive() and not self._waits(one) for one in due):
                self._moved.wait(0.02)

    def _waits(self, one: Thread) -> bool:
        return self._waiting.get(one, 0.0) > self._now


@dataclass
class RoomStream:
    """An open microphone."""

    heard: Heard
    active: bool = True
    latency: float = 0.0
    closed: bool = False

    def close(self) -> None:
        self.closed = True


class RoomBackend:
    """A microphone that can be pulled out."""

    def __init__(self) -> None:
        self.there = True
        self.stream: RoomStream | None = None

    def devices(self) -> list[Device]:
        return [MICROPHONE] if self.there else []

    def moved(self, device: Device) -> bool:
        return False

    def open_input(self, device: Device, rate: int, block: int, heard: Heard) -> Stream:
        if not self.there:
            raise DeviceError("the room's microphone is not there")
        self.stream = RoomStream(heard)
        return self.stream

    def open_output(self, device: Device, rate: int, block: int, asked: Asked) -> Stream:
        raise DeviceError("the room has no loudspeaker")


class RoomSource(MicrophoneSource):
    """The meeting, heard by a microphone with which a test can do what it likes.

    Attributes:
        act: called before each block with the stream's seconds.
        given: how many samples everybody downstream has been given.
        rushing: whether captions are not waited for.
        stalled, stuck: whether blocks are held back, or never come.
        speed: of the device, as a factor of what it says.
        delivered: what was, as ranges of the meeting's samples.
    """

    def __init__(self, meeting: Meeting) -> None:
        self.room, self.clock = RoomBackend(), RoomClock()
        super().__init__(block_ms=BLOCK_MS, backend=self.room, clock=self.clock)
        self.act: Callable[[float], None] = lambda at: None
        self.given: Callable[[], int] = lambda: 0
        self.rushing = self.stalled = False
        self.stuck: RoomStream | None = None
        self.speed = 1.0
        self.delivered: list[tuple[int, int]] = []
        self._meeting = meeting
        self._held: list[tuple[int, Audio]] = []
        self._written = 0
        self._ending = Event()

    def pull(self) -> None:
        """Unplug the microphone."""
        self.room.there = False
        if self.room.stream:
            self.room.stream.active = False

    def plug(self) -> None:
        self.room.there = True

    def stick(self) -> None:
        """Let no block come until the device is opened again."""
        self.stuck = self.room.stream

    @contextmanager
    def feed(self, sink: Sink, tell: Tell) -> Iterator[None]:
        counted = _Counted(sink)
        with super().feed(counted, tell):
            thread = Thread(target=self._run, args=(counted,), name="room")
            thread.start()
            try:
                yield
            finally:
                self._ending.set()
                thread.join()

    def _run(self, sink: "_Counted") -> None:
        for number, block in enumerate(self._meeting.blocks(BLOCK)):
            self._pace(sink)
            if self._ending.is_set():
                return
            self.act(number * BLOCK / RATE)
            self.clock.advance(BLOCK / RATE / self.speed)
            self._held.append((number * BLOCK, block))
            if not self.stalled:
                held, self._held = self._held, []
                for position, audio in held:
                    self._deliver(position, audio)

    def _pace(self, sink: "_Counted") -> None:
        while not self._ending.is_set():
            if self.rushing and sink.written - self.given() <= LEAD:
                return
            if sink.capacity - sink.room() <= LEAD:
                return
            self._ending.wait(POLL_S)

    def _deliver(self, position: int, block: Audio) -> None:
        stream = self.room.stream
        if stream is None or stream.closed or not stream.active or stream is self.stuck:
            return
        stream.heard(block[:, None].astype(np.float32), 0.0, False)
        if self.delivered and self.delivered[-1][1] == position:
            self.delivered[-1] = (self.delivered[-1][0], position + len(block))
        else:
            self.delivered.append((position, position + len(block)))


class _Counted:
    """A sink that counts."""

    def __init__(self, sink: Sink) -> None:
        self.room = sink.room
        self.capacity = sink.room()  # while it is empty
        self.written = 0
        self._write = sink.write

    def write(self, block: Audio) -> None:
        self.written += len(block)
        self._write(block)
