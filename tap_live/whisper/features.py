"""Whisper's log-mel spectrogram, for exactly as much audio as there is.

As in OpenAI's `log_mel_spectrogram`: 25 ms Hann windows every 10 ms, 80 Slaney mel
bands (Slaney, Auditory Toolbox, 1998), log10 with a floor 8 decades under the loudest
value of the window.
"""

import math
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tap_live.processor import Audio

Mel: TypeAlias = NDArray[np.float32]
"""(80, F) log-mel frames of 10 ms."""

RATE = 16_000  # Hz
HOP = 160  # samples a frame
WINDOW = 400  # samples
FRAMES_PER_SECOND = RATE // HOP
MAX_FRAMES = 30 * FRAMES_PER_SECOND
CONTEXT_MARGIN = 2.0  # seconds behind the audio
MIN_CONTEXT = 1000  # frames
TOKEN_FRAMES = 2  # frames that the encoder's second convolution merges into one position


def log_mel(audio: Audio, frames: int | None = None, bands: int = 80) -> Mel:
    """Describe (T,) samples at 16 kHz as Whisper sees them.

    Args:
        frames: how many to return; zeros are added to reach them, what lies beyond is left
            out. None: just enough for all the audio, an even number.

    Returns: (bands, frames) about -1 to 1.5.
    """
    heard = -(-len(audio) // (TOKEN_FRAMES * HOP)) * TOKEN_FRAMES
    if frames is None:
        frames = heard
    heard = min(heard, frames)
    mel = np.zeros((bands, frames), np.float32)
    if heard:
        logs = np.log10(np.maximum(_powers(_padded(audio, heard)) @ _filters(bands).T, 1e-10))
        mel[:, :heard] = (np.maximum(logs, logs.max() - 8.0).T + 4.0) / 4.0
    return mel


def context_frames(seconds: float) -> int:
    """Return how many frames Whisper is given to hear `seconds` of audio, zeros behind it.

    It was trained on 30 s, mostly with nothing at the end: in a context that ends with the
    audio, or is very short, it goes round in circles. Word error rates of tiny.en, int8,
    greedy, on 30 clips of 10 to 23 s and on 70 of 1 to 5 s; `zeros` are those of `log_mel`,
    `silence` is added to the audio before it:

        context                                     10 to 23 s    1 to 5 s
        30 s, silence                                  13.7          15.8
        the audio alone                                             307
        the audio and 2 s of silence                   14.0         100
        the same, at least 7 s                                       38
        the same, at least 10 s                        14.1          16.9
        the audio and 2 s of zeros, at least 5 s                     40
        the same, at least 7 s                                       24
        the same, at least 10 s (taken)                14.2          15.3
        the audio and 1 s of silence, at least 10 s    17.1          16.9
        the audio and 1 s of zeros, at least 10 s      14.1

    With base, int8, words that differ from those in 30 s, of 30 stretches each:

        context                                     2.5 s    6 s    10 s
        the audio and 2 s of zeros, at least 10 s     7.4    5.3    14.1, two of them loops
        the audio and 4 s of zeros, at least 15 s     4.7    4.5     1.6

    The second costs 35 % more; streaming captions cut loops, and were no better with it.
    """
    wanted = (seconds + CONTEXT_MARGIN) * FRAMES_PER_SECOND / TOKEN_FRAMES
    return min(MAX_FRAMES, max(MIN_CONTEXT, math.ceil(wanted) * TOKEN_FRAMES))


def _padded(audio: Audio, frames: int) -> Audio:
    """Centre frame 0 on sample 0: half a window mirrored in front, what follows behind."""
    half = WINDOW // 2
    # The last frame looks half a window past its centre, into audio that is not counted.
    kept = audio[: frames * HOP + half]
    padded = np.zeros(half + max(frames * HOP + half, half + 1), np.float32)
    padded[half : half + len(kept)] = kept
    padded[:half] = padded[2 * half : half : -1]
    if len(audio) <= frames * HOP:  # nothing follows: Whisper mirrors here too
        end = half + frames * HOP
        padded[end : end + half] = padded[end - half - 1 : end - 1][::-1]
    return padded


def _powers(padded: Audio) -> NDArray[np.float32]:
    """Return (F, 201) squared magnitudes."""
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[:-1:HOP]  # (F, 400)
    spectrum = np.fft.rfft(windows * _hann(), axis=-1)
    return np.square(spectrum.real) + np.square(spectrum.imag)


@cache
def _hann() -> NDArray[np.float32]:
    return np.hanning(WINDOW + 1)[:-1].astype(np.float32)


@cache
def _filters(bands: int) -> NDArray[np.float32]:
    """Return (bands, 201) triangles of equal area, even on the mel scale, 0 to 8 kHz."""
    edges = _hz(np.linspace(0, _MEL_AT_8_KHZ, bands + 2))
    bins = np.fft.rfftfreq(WINDOW, 1 / RATE)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


# Slaney's scale: 3 mels per 200 Hz up to 1 kHz, then 27 mels per factor of 6.4.
_MEL_AT_8_KHZ = 15 + 27 * np.log(8) / np.log(6.4)


def _hz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))
