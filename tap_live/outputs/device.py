"""A headset, or any other device that plays, as an output.

`write` runs on the extraction worker, a line's `play` on the device's callback, `_tick`
on the keeper's thread, which alone replaces the line when the device goes and returns.
"""

from contextlib import ExitStack
from threading import Event
from types import TracebackType
from typing import Self

from tap_live.audio.channels import check_rate
from tap_live.audio.clock import Clock, SystemClock
from tap_live.devices import Device, choose
from tap_live.errors import DeviceError
from tap_live.events import Warned
from tap_live.outputs.guard import EarGuard
from tap_live.outputs.line import Line
from tap_live.portaudio import Backend, Frames, Stream, portaudio
from tap_live.processor import Audio
from tap_live.sources.keeper import Keeper
from tap_live.sources.source import Tell

AGAIN_S = 10.0  # between two warnings of what may happen often
SETTLE_S = 2.0  # in which a device that was just opened fills its own buffer, in bursts
DRAIN_S = 0.5  # at most, for what is still in the buffer at the end


class DeviceOutput:
    """Play the stream, guarded, on a device's own clock; what it cannot play is dropped.

    Args:
        device: as `devices.choose` takes it.
        rate: Hz, of the stream; a device that cannot play it is given its own.
        block_ms: what the device takes at a time.
        margin_ms: what the worker may be late before there is a gap, to begin with.
    Raises: DeviceError, RuntimeMissingError without PortAudio.
    """

    def __init__(
        self,
        device: str | None,
        rate: int,
        tell: Tell,
        block_ms: float = 10.0,
        margin_ms: float = 10.0,
        *,
        backend: Backend | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._backend = backend or portaudio()
        self._clock = clock or SystemClock()
        self.device = choose(self._backend.devices(), device, "output")
        self.name = self.device.name
        self.rate = check_rate(rate, "the stream")
        self._block_ms = block_ms
        self._buffer_s = (block_ms + margin_ms) / 1000
        self._tell = tell
        self._guard = EarGuard(rate, tell)
        self._line: Line | None = None
        self._told = (0, 0)  # dry, skipped, of the present line
        self._ending = False
        self._warned_at = -AGAIN_S
        self._inside = ExitStack()

    @property
    def delay(self) -> float:
        """Seconds that a sample waits here before the device takes it: guard and buffer."""
        line = self._line
        waiting = line.waiting / line.rate if line else 0.0
        return self._guard.lookahead / self.rate + waiting

    def turn(self, on: bool) -> None:
        """Fade out, when the input is lost or muted, or in again; from any thread."""
        self._guard.turn(on)

    def write(self, block: Audio) -> None:
        self._pass_on(self._guard.push(block))

    def __enter__(self) -> Self:
        keeper = Keeper(self._backend, self.device, self._open, self._tick, self._tell, self._clock)
        self._beat = keeper.beat
        self._inside.enter_context(keeper.kept())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._ending = True
        if kind is None:
            self._pass_on(self._guard.flush())
            self._drain()
        self._inside.close()
        self._line = None

    def _pass_on(self, block: Audio) -> None:
        line = self._line
        if line is not None:
            line.write(block)

    def _drain(self) -> None:
        """Let the device play what it has been given."""
        never, until = Event(), self._clock.now() + DRAIN_S
        while self._line is not None and self._line.waiting and self._clock.now() < until:
            self._clock.wait(never, self._block_ms / 1000)

    def _open(self, device: Device) -> Stream:
        try:
            return self._open_at(device, self.rate)
        except DeviceError:
            if device.rate == self.rate:
                raise
            return self._open_at(device, device.rate)

    def _open_at(self, device: Device, rate: int) -> Stream:
        line = Line(self.rate, rate, self._buffer_s)

        def asked(frames: Frames) -> None:
            line.play(frames)
            self._beat()

        stream = self._backend.open_output(device, rate, round(rate * self._block_ms / 1000), asked)
        self._line, self._told, self._opened_at = line, (0, 0), self._clock.now()
        return stream

    def _tick(self, present: bool) -> None:
        if not present:
            self._line = None
        line = self._line
        if line is None or self._ending or (line.dry, line.skipped) == self._told:
            return
        now = self._clock.now()
        if now - self._warned_at < AGAIN_S:
            return
        dry, skipped = line.dry - self._told[0], line.skipped - self._told[1]
        self._told = (line.dry, line.skipped)
        if now - self._opened_at < SETTLE_S:
            return
        self._warned_at = now
        if skipped:
            self._tell(
                Warned(
                    code="output-skipped",
                    text=f"{skipped / line.rate:.2f} s of the output were left out, "
                    "because the stream came late and all at once",
                )
            )
        if dry:
            self._tell(
                Warned(
                    code="output-dry",
                    text=f"the output {self.name!r} had nothing to play {dry} times: "
                    "the stream did not come in time",
                )
            )
