"""What a stream sounds like right now, for those who draw it: 64 bands, 30 times a second."""

from collections.abc import Collection

import numpy as np

from tap_live.events import Spectrum
from tap_live.extraction import Mixed
from tap_live.processor import Audio
from tap_live.spectrogram import band_powers
from tap_live.streams import Stream, samples_of

BANDS = 64
LOWEST_HZ = 40.0
A_SECOND = 30
WINDOW_S = 0.04
QUIETEST_DB, STEPS_A_DB = -120, 2  # byte b is b / 2 - 120 dBFS; a full-scale sine has 0


def band_edges(rate: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(BANDS + 1) frequencies in Hz, of equal ratio."""
    return np.geomspace(LOWEST_HZ, rate / 2, BANDS + 1)


class Spectra:
    """Turn what passes into spectra of some streams, of the newest `WINDOW_S` each.

    Args:
        position: of the first sample that comes.
    """

    def __init__(self, rate: int, streams: Collection[Stream], position: int) -> None:
        self._length = round(WINDOW_S * rate)
        self._edges = band_edges(rate) * self._length / rate  # in bins
        self._every = rate / A_SECOND
        self._position = position
        self._due = position + self._every
        self._newest = {stream: np.zeros(self._length, np.float32) for stream in streams}

    def push(self, mixed: Mixed) -> list[Spectrum]:
        """Take a block; return the spectra that are due."""
        for stream, newest in self._newest.items():
            heard = np.concatenate([newest, samples_of(mixed, stream)])
            self._newest[stream] = heard[-self._length :]
        self._position += len(mixed.mixture)
        if self._position < self._due:
            return []
        self._due = max(self._due + self._every, self._position)
        middle = max(0, self._position - self._length // 2)
        return [
            Spectrum(stream=stream, position=middle, bands=self._bytes(newest))
            for stream, newest in self._newest.items()
        ]

    def _bytes(self, window: Audio) -> bytes:
        powers = band_powers(window, self._edges)
        levels = 10 * np.log10(np.maximum(powers, 1e-12))
        steps = np.round((levels - QUIETEST_DB) * STEPS_A_DB)
        return np.clip(steps, 0, 255).astype(np.uint8).tobytes()
