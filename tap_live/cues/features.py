"""What the audio encoder of cues hears: 64 power mel bands every 20 ms at 32 kHz."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tap_live.processor import Audio

RATE = 32_000  # Hz
BANDS = 64
HOP = 640  # samples, 20 ms
WINDOW_FRAMES = 150  # 3 s
STEP_FRAMES = 75
FAINT = 1e-3  # of the loudest window's power: fainter ones are left out
_FFT = 1024  # samples, 32 ms

Mel: TypeAlias = NDArray[np.float32]
"""(F, 64) power; frame f describes the 32 ms around sample 640 f."""


def mel_frames(audio: Audio) -> Mel:
    """Turn a whole recording, (T,) at 32 kHz, into its 1 + T // 640 frames."""
    padded = np.pad(audio, _FFT // 2)
    views = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::HOP]
    parts = [  # some seconds at a time, so that memory does not grow with the recording
        np.abs(np.fft.rfft(views[start : start + 256] * _WINDOW)) ** 2 @ _FILTERS
        for start in range(0, len(views), 256)
    ]
    return np.concatenate(parts).astype(np.float32)


def mel_windows(mel: Mel) -> NDArray[np.float32]:
    """(F, 64) frames -> (N, 150, 64) windows; short clips are repeated, near silence left out."""
    if len(mel) < WINDOW_FRAMES:
        mel = np.tile(mel, (-(-WINDOW_FRAMES // len(mel)), 1))[:WINDOW_FRAMES]
    views = np.lib.stride_tricks.sliding_window_view(mel, WINDOW_FRAMES, axis=0)[::STEP_FRAMES]
    cut = np.ascontiguousarray(views.transpose(0, 2, 1))
    power = cut.mean((1, 2))
    kept: NDArray[np.float32] = cut[power >= FAINT * power.max()]
    return kept


def _mel_filters() -> NDArray[np.float64]:
    """Triangles of unit height, equally wide in mel (2595 log10(1 + f/700)): (513, 64)."""
    mel = np.linspace(0.0, 2595 * np.log10(1 + RATE / 2 / 700), BANDS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    bins = np.linspace(0.0, RATE / 2, _FFT // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins) / np.diff(edges)[1:]
    return np.maximum(0.0, np.minimum(rising, falling))


_WINDOW = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FFT) / _FFT)
_FILTERS = _mel_filters()
