"""What the speaker encoder hears: 40 power mel bands every 10 ms at 16 kHz, no logarithm.

Source: librosa's `melspectrogram` as Resemblyzer calls it (25 ms Hann windows, centred,
Slaney's mel scale, triangles of unit area).
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tap_live.processor import Audio

RATE = 16_000  # Hz
BANDS = 40
HOP = 160  # samples, 10 ms
_FFT = 400  # samples, 25 ms

Mel: TypeAlias = NDArray[np.float32]
"""(F, 40) power; frame f describes the 25 ms around sample 160 f."""


def mel_frames(audio: Audio) -> Mel:
    """Turn a whole recording, (T,) at 16 kHz, into its 1 + T // 160 frames."""
    stream = MelStream()
    return np.concatenate([stream.push(audio), stream.flush()])


class MelStream:
    """Turn a 16 kHz stream into mel frames; before and after it is silence."""

    lookahead = _FFT // 2
    _waiting: Audio
    _samples: int
    _frames: int

    def __init__(self) -> None:
        self._restart()

    def push(self, block: Audio) -> Mel:
        self._waiting = np.concatenate([self._waiting, block])
        self._samples += len(block)
        count = max(0, (len(self._waiting) - _FFT) // HOP + 1)
        if count == 0:
            return np.zeros((0, BANDS), np.float32)
        views = np.lib.stride_tricks.sliding_window_view(self._waiting, _FFT)[: count * HOP : HOP]
        power = np.abs(np.fft.rfft(views * _WINDOW)) ** 2  # (F, 201)
        self._waiting = self._waiting[count * HOP :]
        self._frames += count
        return (power @ _FILTERS).astype(np.float32)

    def flush(self) -> Mel:
        missing = 1 + self._samples // HOP - self._frames
        need = (missing - 1) * HOP + _FFT - len(self._waiting) if missing else 0
        rest = self.push(np.zeros(max(0, need), np.float32))[:missing]
        self._restart()
        return rest

    def _restart(self) -> None:
        self._waiting = np.zeros(_FFT // 2, np.float32)
        self._samples = self._frames = 0


def _mel_filters() -> NDArray[np.float64]:
    """Triangles equally wide on Slaney's mel scale, each of unit area: (201, 40)."""
    linear_top, linear_top_mel, octave = 1000.0, 15.0, np.log(6.4) / 27.0
    top = linear_top_mel + np.log(RATE / 2 / linear_top) / octave
    mel = np.linspace(0.0, top, BANDS + 2)
    edges = np.where(
        mel < linear_top_mel,
        mel * 200.0 / 3.0,
        linear_top * np.exp(octave * (mel - linear_top_mel)),
    )
    bins = np.linspace(0.0, RATE / 2, _FFT // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins) / np.diff(edges)[1:]
    area = 2.0 / (edges[2:] - edges[:-2])
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)) * area)


_FILTERS = _mel_filters()
_WINDOW = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FFT) / _FFT)  # periodic Hann
