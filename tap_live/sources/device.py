"""A microphone, or a monitor of what an output plays, as a source.

`_heard` runs on PortAudio's callback; `_tick` on the keeper's thread. Only one of them
writes at a time: the keeper fills in silence after it has closed the device.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from tap_live.audio.channels import check_channel, check_rate
from tap_live.audio.clock import Clock, SystemClock
from tap_live.devices import Device, choose
from tap_live.errors import TapError
from tap_live.events import Warned
from tap_live.portaudio import Backend, Frames, Stream, portaudio
from tap_live.sources.keeper import Keeper
from tap_live.sources.source import Sink, Tell

MARGIN_S = 0.25  # of a gap, left for the first block after it to measure


class MicrophoneSource:
    """A recording device, mixed down or one channel of it (1 is the first).

    A gap is filled with silence of its measured length and counted in `lost`, so that
    positions stay true to the wall clock.

    Args:
        device: as `devices.choose` takes it; "monitor" is what the default output plays.
        rate: Hz; None is the device's own.
    Raises: DeviceError, AudioError for a rate or channel it does not have,
        RuntimeMissingError without PortAudio.
    """

    live = True

    def __init__(
        self,
        device: str | None = None,
        channel: int | None = None,
        rate: int | None = None,
        block_ms: int = 10,
        *,
        backend: Backend | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._backend = backend or portaudio()
        self._clock = clock or SystemClock()
        self.device = choose(self._backend.devices(), device, "input")
        self.name = self.device.name
        what = f"the input {self.name!r}"
        self.rate = check_rate(self.device.rate if rate is None else rate, what)
        self._channel = check_channel(channel, self.device.channels, what)
        self._block = max(1, self.rate * block_ms // 1000)
        self.delay = 0.0  # once it is open
        self.lost = 0
        self.ended = False
        self.error: TapError | None = None
        self._mono = np.zeros(self._block, np.float32)
        self._silence = np.zeros(self._block, np.float32)
        self._position = 0
        self._filled = 0  # silence written since the last block
        self._opened = False
        self._resuming = False  # whether the next block is the first after a gap
        self._told = 0  # lost samples that have been reported

    @contextmanager
    def feed(self, sink: Sink, tell: Tell) -> Iterator[None]:
        """Record inside a `with`; see `Source.feed`. Raises: DeviceError."""
        self._sink = sink
        self._tell = tell
        self._heard_until = self._clock.now()  # by the clock
        self._recorded_until = 0.0  # by the device's own
        self._keeper = Keeper(self._backend, self.device, self._open, self._tick, tell, self._clock)
        try:
            with self._keeper.kept():
                yield
        finally:
            self.ended = True

    def _open(self, device: Device) -> Stream:
        channel = check_channel(self._channel, device.channels, f"the input {device.name!r}")
        self._weights = _weights(channel, device.channels)
        self._resuming, self._opened = self._opened, True
        stream = self._backend.open_input(device, self.rate, self._block, self._heard)
        self.delay = stream.latency
        return stream

    def _heard(self, frames: Frames, recorded_at: float, overflow: bool) -> None:
        now, length = self._clock.now(), len(frames)
        if self._resuming:
            self._fill(round((now - self._heard_until) * self.rate) - length - self._filled)
            self._resuming = False
        elif overflow:
            gap_s = (
                recorded_at - self._recorded_until
                if recorded_at and self._recorded_until
                else now - self._heard_until - length / self.rate
            )
            self._fill(round(gap_s * self.rate))
        mono = self._mono[:length]
        np.dot(frames, self._weights, out=mono)
        self._sink.write(mono)
        self._position += length
        self._filled = 0
        self._heard_until = now
        self._recorded_until = recorded_at + length / self.rate if recorded_at else 0.0
        self._keeper.beat()

    def _tick(self, present: bool) -> None:
        if not present:
            absent_s = self._clock.now() - self._heard_until - MARGIN_S
            self._fill(int(absent_s * self.rate) - self._filled)
        elif self.lost > self._told and not self._resuming:
            self._tell(_lost(self.lost - self._told, self._gap_end, self.rate))
            self._told = self.lost

    def _fill(self, samples: int) -> None:
        """Write silence for samples that never came."""
        if samples <= 0:
            return
        for start in range(0, samples, self._block):
            self._sink.write(self._silence[: min(self._block, samples - start)])
        self.lost += samples
        self._filled += samples
        self._position += samples
        self._gap_end = self._position


def _weights(channel: int | None, channels: int) -> Frames:
    """What each channel adds to the one stream: (C,)."""
    if channel is None:
        return np.full(channels, 1 / channels, np.float32)
    weights = np.zeros(channels, np.float32)
    weights[channel - 1] = 1
    return weights


def _lost(samples: int, end: int, rate: int) -> Warned:
    return Warned(
        code="samples-lost",
        text=f"{samples} samples ({samples / rate:.2f} s) of the input were lost "
        f"before {end / rate:.2f} s; they are silence now",
        start=(end - samples) / rate,
        stop=end / rate,
    )
