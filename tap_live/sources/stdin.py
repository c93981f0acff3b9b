"""Raw PCM samples from a pipe as a source: `arecord ... | tap-live run --input -`."""

import os
import select
import sys
from collections.abc import Iterator
from threading import Event
from typing import BinaryIO, Literal

import numpy as np

from tap_live.audio.channels import check_channel, check_rate, mono
from tap_live.audio.repair import Repair
from tap_live.errors import AudioError, ConfigError
from tap_live.events import Warned
from tap_live.processor import Audio
from tap_live.sources.pump import Pump
from tap_live.sources.source import Tell

PcmFormat = Literal["s16", "f32"]
BYTES = {"s16": 2, "f32": 4}
POLL_S = 0.1  # between two looks whether to stop, while the pipe is silent
MOST_CHANNELS = 64


class PcmSource(Pump):
    """Little-endian samples, channels interleaved, read as they come and as there is room.

    A pipe makes its writer wait, so nothing is lost when the engine is slow.

    Args:
        stream: an open binary stream, such as `sys.stdin.buffer`.
        channel: 1 is the first; None mixes them down.
    """

    name = "standard input"

    def __init__(
        self,
        stream: BinaryIO,
        rate: int,
        format: PcmFormat = "s16",
        channels: int = 1,
        channel: int | None = None,
    ) -> None:
        super().__init__(paced=False)
        if format not in BYTES:
            raise ConfigError(f"samples are s16 or f32, not {format!r}")
        if not 1 <= channels <= MOST_CHANNELS:
            raise ConfigError(f"wanted 1 to {MOST_CHANNELS} channels, found {channels}")
        self.rate = check_rate(rate, self.name)
        self._channel = check_channel(channel, channels, self.name)
        self._stream = stream
        self._format = format
        self._frame = BYTES[format] * channels  # bytes
        self._channels = channels

    def _blocks(self, tell: Tell, stopping: Event) -> Iterator[Audio]:
        repair = Repair(self.name, self.rate, tell)
        size = self._frame * (self.rate // 50)
        waiting, read = b"", 0
        for data in _chunks(self._stream, size, stopping):
            read += len(data)
            waiting += data
            whole = len(waiting) - len(waiting) % self._frame
            yield repair.push(self._mono(waiting[:whole]))
            waiting = waiting[whole:]
        if not read and not stopping.is_set():
            raise AudioError(f"wanted {self._format} samples on {self.name}, found nothing")
        if waiting and not stopping.is_set():
            tell(
                Warned(
                    code="truncated",
                    text=f"{self.name} ended within a sample: {len(waiting)} of {self._frame} "
                    f"bytes; check the format ({self._format}, {self._channels} channels)",
                )
            )

    def _mono(self, data: bytes) -> Audio:
        if self._format == "s16":
            samples = np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768)
        else:
            samples = np.frombuffer(data, "<f4").astype(np.float32)
        return mono(samples.reshape(-1, self._channels), self._channel)


def _chunks(stream: BinaryIO, size: int, stopping: Event) -> Iterator[bytes]:
    """Yield what comes, up to `size` bytes at a time, until the end or a stop."""
    descriptor = _descriptor(stream)
    while not stopping.is_set():
        if descriptor is None:
            data = stream.read(size)
        elif select.select([descriptor], [], [], POLL_S)[0]:
            data = os.read(descriptor, size)
        else:
            continue
        if not data:
            return
        yield data


def _descriptor(stream: BinaryIO) -> int | None:
    """The file descriptor, where one can be asked whether it has something to read."""
    if sys.platform == "win32":  # select takes sockets only
        return None
    try:
        return stream.fileno()
    except OSError:  # a stream in memory
        return None
