"""Keep a device open, for a source or an output: see it go, take it back when it returns.

`beat` runs on the device's callback, `_run` is the keeper's own thread, `kept` runs on
the caller's. Only the keeper opens and closes devices once the stream has begun.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Literal, TypeAlias

from tap_live import events
from tap_live.audio.clock import Clock
from tap_live.devices import Device
from tap_live.errors import DeviceError
from tap_live.portaudio import Backend, Stream
from tap_live.sources.source import Tell
from tap_live.sources.watchdog import TICK_S, Watchdog

logger = logging.getLogger(__name__)

RETRY_S = 1.0
LOOK_S = 2.0  # between two looks whether the device is still the one that was opened
DEFAULT_AFTER_S = 3.0  # the device itself has the first chance

Change = Literal["opened", "lost", "returned", "closed"]
Open: TypeAlias = Callable[[Device], Stream]
Tick: TypeAlias = Callable[[bool], None]
"""Called by the keeper every `TICK_S` with whether there is a device."""


class Keeper:
    """One device, or the platform's default of the same kind while it is gone.

    A monitor is never replaced by a microphone: that would record another thing.
    """

    def __init__(
        self, backend: Backend, device: Device, open: Open, tick: Tick, tell: Tell, clock: Clock
    ) -> None:
        self.device = device  # in use, or used last
        self._wanted = device
        self._backend = backend
        self._open = open
        self._tick = tick
        self._tell = tell
        self._clock = clock
        self._watchdog = Watchdog(clock)
        self.beat = self._watchdog.beat
        self._stream: Stream | None = None
        self._lost_at = 0.0
        self._tried_at = 0.0
        self._looked_at = 0.0
        self._stopping = Event()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Hold the device open inside a `with`. Raises: DeviceError if it cannot be opened."""
        self._take(self._wanted)
        self._say("opened", "is open")
        thread = Thread(target=self._run, name=f"keeper {self._wanted.name}")
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join()
            self._release()
            self._say("closed", "is closed")

    def _run(self) -> None:
        while not self._clock.wait(self._stopping, TICK_S):
            try:
                self._look()
            except Exception:
                logger.exception("keeper of %s", self._wanted.name)

    def _look(self) -> None:
        if self._stream is not None and self._is_gone(self._stream):
            self._lose()
        elif self._stream is None and self._clock.now() - self._tried_at >= RETRY_S:
            self._retry()
        self._tick(self._stream is not None)

    def _is_gone(self, stream: Stream) -> bool:
        if self._watchdog.stalled() or not stream.active:
            return True
        if self._clock.now() - self._looked_at < LOOK_S:
            return False
        self._looked_at = self._clock.now()
        return self._backend.moved(self.device)

    def _lose(self) -> None:
        """Open the device again at once, which mends one that got stuck; else it is lost."""
        stuck = self._watchdog.awake
        self._release()
        self._lost_at = self._tried_at = self._clock.now()
        try:
            if stuck:
                self._take(self.device)
                self._tell(_stuck(self.device))
                return
        except DeviceError as error:
            logger.info("%s", error)
        self._say("lost", "is gone or does not answer; it is taken back when it returns")

    def _retry(self) -> None:
        self._tried_at = self._clock.now()
        try:
            device = self._find()
            if device is None:
                return
            self._take(device)
        except DeviceError as error:
            logger.info("%s", error)
            return
        self._say("returned", "is back" if device.name == self._wanted.name else "takes its place")

    def _find(self) -> Device | None:
        """The wanted device, or after a while the default of its kind, if there is one now."""
        now = [d for d in self._backend.devices() if d.role == self._wanted.role]
        same = [d for d in now if (d.name, d.host) == (self._wanted.name, self._wanted.host)]
        if not same and self._clock.now() - self._lost_at >= DEFAULT_AFTER_S:
            same = [d for d in now if d.default and d.kind == self._wanted.kind]
        return same[0] if same else None

    def _take(self, device: Device) -> None:
        self._stream = self._open(device)
        self.device = device
        self._watchdog.restart()

    def _release(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _say(self, change: Change, text: str) -> None:
        role = self._wanted.role
        self._tell(
            events.Device(
                role=role,
                name=self.device.name,
                change=change,
                text=f"the {role} {self.device.name!r} {text}",
            )
        )


def _stuck(device: Device) -> events.Warned:
    return events.Warned(
        code="device-stuck",
        text=f"the {device.role} {device.name!r} stood still and was opened again",
    )
