"""Audio on the wire: a header of 24 bytes, then the samples, all little-endian.

    "TAP1"  u8 version  u8 stream  u8 format  u8 channels  u32 rate  u64 position  u32 samples

The stream is 0 mixture, 1 output, 2 rest; the format 0 is s16, 1 is f32. With several
channels the samples of one moment lie together.
"""

import struct
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from tap_live.errors import WireError
from tap_live.streams import STREAMS, Stream

Format: TypeAlias = Literal["s16", "f32"]

MAGIC = b"TAP1"
VERSION = 1
FORMATS: tuple[Format, ...] = get_args(Format)
_HEADER = struct.Struct("<4sBBBBIQI")
_TYPES: dict[Format, np.dtype[Any]] = {"s16": np.dtype("<i2"), "f32": np.dtype("<f4")}
_FULL_SCALE = 32767


@dataclass(frozen=True)
class AudioFrame:
    """A moment of one stream; `position` is that of its first sample."""

    stream: Stream
    rate: int  # Hz
    position: int
    samples: NDArray[np.float32]  # (T, C), 1 is full scale


def pack(frame: AudioFrame, format: Format = "s16") -> bytes:
    """Write a frame; s16 clips what is louder than full scale."""
    length, channels = frame.samples.shape
    header = _HEADER.pack(
        MAGIC,
        VERSION,
        STREAMS.index(frame.stream),
        FORMATS.index(format),
        channels,
        frame.rate,
        frame.position,
        length,
    )
    samples = frame.samples
    if format == "s16":
        samples = np.round(np.clip(samples, -1, 1) * _FULL_SCALE)
    return header + samples.astype(_TYPES[format]).tobytes()


def unpack(data: bytes) -> AudioFrame:
    """Read a frame. Raises: WireError if it is none that this version can read."""
    if len(data) < _HEADER.size or data[:4] != MAGIC:
        raise WireError(f"wanted an audio frame that begins with {MAGIC!r}, found {data[:8]!r}")
    _, version, stream, format, channels, rate, position, length = _HEADER.unpack_from(data)
    if version != VERSION or stream >= len(STREAMS) or format >= len(FORMATS) or not channels:
        raise WireError(
            f"wanted an audio frame of version {VERSION}, found version {version}, "
            f"stream {stream}, format {format}, {channels} channels"
        )
    name = FORMATS[format]
    expected = _HEADER.size + length * channels * _TYPES[name].itemsize
    if len(data) != expected:
        raise WireError(f"wanted an audio frame of {expected} bytes, found {len(data)}")
    raw = np.frombuffer(data, _TYPES[name], offset=_HEADER.size)
    samples = raw.astype(np.float32) / np.float32(_FULL_SCALE if name == "s16" else 1)
    return AudioFrame(STREAMS[stream], rate, position, samples.reshape(length, channels))
