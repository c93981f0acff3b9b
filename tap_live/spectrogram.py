"""A picture of a recording of any length: bounded columns, bounded memory.

Rows are bands of equal width on the mel scale, which is how pitch is heard; a column that
stands for more than a few windows is the mean of some of them.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
import soundfile
from numpy.typing import NDArray

from tap_live.processor import Audio

COLUMNS = 1600  # at most
ROWS = 112
TOP_HZ = 12_000
WINDOW_S = 0.04
MOMENTS = 6  # windows a column, at most
LEVELS = 48  # shades; fewer make a smaller page
RANGE_DB = 65.0
QUIETEST_TOP_DB = -50.0  # of the brightest shade: silence stays dark

Levels: TypeAlias = NDArray[np.float64]
"""(ROWS, columns) of dB, low bands first; a full-scale sine has 0."""


@dataclass(frozen=True)
class Sound:
    """Audio in memory with its rate; what is on disk is given as its path."""

    audio: Audio
    rate: int


def seconds_of(sound: Path | Sound) -> float:
    """How long it is. Raises: soundfile.LibsndfileError if it is no audio."""
    if isinstance(sound, Sound):
        return len(sound.audio) / sound.rate
    return float(soundfile.info(sound).duration)


def spectrogram(sound: Path | Sound) -> tuple[Levels, float]:
    """Look at a recording, a column at a time.

    Returns: the levels, and the frequency of the uppermost edge in Hz.
    Raises: soundfile.LibsndfileError if a path is no audio.
    """
    if isinstance(sound, Sound):
        return _look(_Memory(sound))
    with soundfile.SoundFile(sound) as file:
        return _look(_Disk(file))


def band_edges(top: float) -> NDArray[np.float64]:
    """(ROWS + 1) frequencies in Hz, of equal distance on the mel scale."""
    return np.asarray(_from_mel(np.linspace(0, _mel(top), ROWS + 1)))


def place(frequency: float, top: float) -> float:
    """Where a frequency lies: 0 at the lower edge of the picture, 1 at the upper."""
    return float(_mel(frequency) / _mel(top))


def brightest(levels: Sequence[Levels]) -> float:
    """The dB that pictures on one scale show brightest."""
    tops = [float(np.percentile(part, 99.8)) for part in levels if part.size]
    return max([QUIETEST_TOP_DB, *tops])


def png(levels: Levels, top_db: float, palette: Sequence[tuple[int, int, int]]) -> bytes:
    """Draw levels as a PNG with `LEVELS` shades of a palette, dark first, high bands on top."""
    shade = (levels - top_db) / RANGE_DB + 1
    pixels = np.round(np.clip(shade, 0, 1) * (LEVELS - 1)).astype(np.uint8)[::-1]
    rows, columns = pixels.shape
    lines = np.insert(pixels, 0, 0, axis=1)  # each line begins with its filter: none
    colours = _between(palette, LEVELS)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (
            (b"IHDR", header),
            (b"PLTE", colours.tobytes()),
            (b"IDAT", zlib.compress(lines.tobytes(), 9)),
            (b"IEND", b""),
        )
    )


class _Memory:
    def __init__(self, sound: Sound) -> None:
        self.rate, self.samples = sound.rate, len(sound.audio)
        self._audio = sound.audio

    def read(self, start: int, length: int) -> Audio:
        return self._audio[start : start + length]


class _Disk:
    def __init__(self, file: soundfile.SoundFile) -> None:
        self.rate, self.samples = int(file.samplerate), int(file.frames)
        self._file = file

    def read(self, start: int, length: int) -> Audio:
        self._file.seek(start)
        block = self._file.read(length, dtype="float32", always_2d=True)
        return np.asarray(block.mean(axis=1), np.float32)


def _look(source: _Memory | _Disk) -> tuple[Levels, float]:
    length = max(16, round(source.rate * WINDOW_S))
    top = min(TOP_HZ, source.rate / 2)
    columns = min(COLUMNS, max(1, source.samples * 2 // length))
    edges = band_edges(top) * length / source.rate  # in bins
    powers = [
        np.mean(
            [band_powers(window, edges) for window in _windows(source, column, columns, length)], 0
        )
        for column in range(columns)
    ]
    return 10 * np.log10(np.maximum(np.transpose(powers), 1e-14)), top


def _windows(source: _Memory | _Disk, column: int, columns: int, length: int) -> Iterator[Audio]:
    """Some windows of (length,) samples, evenly over what a column stands for."""
    start, stop = (source.samples * edge // columns for edge in (column, column + 1))
    count = min(MOMENTS, max(1, (stop - start) // length))
    for moment in range(count):
        centre = start + (stop - start) * (2 * moment + 1) // (2 * count)
        first = max(0, min(centre - length // 2, source.samples - length))
        audio = np.nan_to_num(source.read(first, length))
        yield np.pad(audio, (0, length - len(audio)))


def band_powers(window: Audio, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power between edges in bins; a full-scale sine that lies in one band has 1."""
    length = len(window)
    shaped = window * _taper(length)
    power = np.square(np.abs(np.fft.rfft(shaped))) * (32 / 3 / length**2)  # its leakage added up
    upto = np.concatenate([[0.0], np.cumsum(power)])  # power below each bin's lower edge
    return np.diff(np.interp(edges + 0.5, np.arange(len(upto)), upto))


@cache
def _taper(length: int) -> NDArray[np.float64]:
    return np.hanning(length)


def _between(palette: Sequence[tuple[int, int, int]], count: int) -> NDArray[np.uint8]:
    """`count` colours evenly along a palette, (count, 3)."""
    at = np.linspace(0, len(palette) - 1, count)
    channels = [
        np.interp(at, np.arange(len(palette)), column) for column in zip(*palette, strict=True)
    ]
    return np.round(np.transpose(channels)).astype(np.uint8)


def _mel(frequency: float) -> float:
    return float(np.log1p(frequency / 700))


def _from_mel(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.expm1(mel) * 700)
