"""What a full model hears of a context: spectra at 32 kHz, mel frames of a copy at 48 kHz."""

import math
from typing import TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tap_live.processor import Audio

RATE = 32_000  # Hz
MEL_RATE = 48_000
HOP = 320  # samples, 10 ms
BINS = 513
BANDS = 64
_FFT = 1024
_MEL_HOP = 480
_FAINTEST = 1e-10  # power, -100 dB
_WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FFT) / _FFT)).astype(np.float32)

Spectrum: TypeAlias = NDArray[np.complex64]
"""(F, 513); frame f describes the 32 ms around sample 320 f."""

Mel: TypeAlias = NDArray[np.float32]
"""(F, 64) in decibels; frame f describes the 21 ms around sample 480 f of the copy."""


def analyse(audio: Audio, hop: int = HOP) -> Spectrum:
    """(T,) -> the spectra of its 1 + T // hop frames, its ends mirrored."""
    padded = np.pad(audio, _FFT // 2, mode="reflect")
    views = sliding_window_view(padded, _FFT)[::hop]
    spectrum: Spectrum = np.fft.rfft(views * _WINDOW).astype(np.complex64)
    return spectrum


def synthesise(spectrum: Spectrum, start: int, stop: int) -> Audio:
    """Samples [start, stop) of what `analyse` was given."""
    half = _FFT // 2
    first, last = max(0, (start - half) // HOP), min(len(spectrum), (stop + half) // HOP + 1)
    frames = np.fft.irfft(spectrum[first:last]) * _WINDOW
    length = (last - first - 1) * HOP + _FFT
    total, weight = np.zeros(length), np.zeros(length)
    for number, frame in enumerate(frames):
        at = number * HOP
        total[at : at + _FFT] += frame
        weight[at : at + _FFT] += _WINDOW**2
    offset = first * HOP - half
    wanted = slice(start - offset, stop - offset)
    audio: Audio = (total[wanted] / np.maximum(weight[wanted], 1e-8)).astype(np.float32)
    return audio


def log_mel(copy: Audio, frames: int | None = None) -> Mel:
    """(T,) at 48 kHz -> 1 + T // 480 frames, or `frames` with silence at the end."""
    power = np.abs(analyse(copy, _MEL_HOP)) ** 2 @ _FILTERS
    if frames is not None:
        power = np.pad(power, ((0, frames - len(power)), (0, 0)))
    mel: Mel = (10 * np.log10(np.maximum(power, _FAINTEST))).astype(np.float32)
    return mel


class Copy48:
    """A `Processor[Audio]` from 32 to 48 kHz, with the filter of `scipy.signal.resample_poly`.

    Sample 3 k of the output lies at sample 2 k of the input; n samples in give
    ceil(3 n / 2) out.
    """

    lookahead = 11  # samples at 32 kHz
    _held: Audio  # the newest inputs, from sample `_first` on
    _first: int
    _given: int

    def __init__(self) -> None:
        self._begin()

    def push(self, block: Audio) -> Audio:
        self._taken += len(block)
        return self._filter(block, _outputs(self._taken))

    def flush(self) -> Audio:
        rest = self._filter(np.zeros(2 * self.lookahead, np.float32), -(-3 * self._taken // 2))
        self._begin()
        return rest

    def _filter(self, block: Audio, until: int) -> Audio:
        """Outputs [given, until): output k is the sum over n of x(n) h(2 k - 3 n + 30)."""
        self._held = np.concatenate([self._held, block])
        if until <= self._given:
            return np.empty(0, np.float32)
        k = np.arange(self._given, until)
        newest = (2 * k + _REACH) // 3  # the last input that an output hears
        taps = 2 * k - 3 * newest + _REACH  # 0, 1 or 2
        out = np.empty(len(k), np.float32)
        views = sliding_window_view(self._held, _LENGTH)
        for phase in range(3):
            its = np.flatnonzero(taps == phase)
            if len(its):
                starts = newest[its] - _LENGTH + 1 - self._first
                step = starts[1] - starts[0] if len(starts) > 1 else 1
                out[its] = views[starts[0] : starts[-1] + 1 : step] @ _PHASES[phase]
        self._given = until
        spare = (2 * until + _REACH) // 3 - _LENGTH + 1 - self._first
        self._held, self._first = self._held[spare:], self._first + spare
        return out

    def _begin(self) -> None:
        self._taken = self._given = 0
        self._first = -2 * _LENGTH  # before the stream there is silence
        self._held = np.zeros(2 * _LENGTH, np.float32)


_REACH = 30
_LENGTH = 21  # inputs that an output hears


def _outputs(heard: int) -> int:
    """How many outputs hear nothing from input `heard` on."""
    return max(0, (3 * heard - 1 - _REACH) // 2 + 1)


def _kaiser_filter() -> NDArray[np.float64]:
    """A low-pass at a third of the band, 61 taps in a Kaiser window, times three."""
    n = np.arange(-_REACH, _REACH + 1)
    taps = np.sinc(n / 3) / 3 * np.kaiser(2 * _REACH + 1, 5.0)
    scaled: NDArray[np.float64] = 3 * taps / taps.sum()
    return scaled


def _phases() -> NDArray[np.float32]:
    """(3, 21): for each phase the taps in the order of the inputs, the oldest first."""
    taps = np.concatenate([_kaiser_filter(), [0.0, 0.0]])  # 63
    return np.stack([taps[phase::3][::-1] for phase in range(3)]).astype(np.float32)


def _mel_filters() -> NDArray[np.float32]:
    """Slaney's triangles of equal area from 50 Hz to 14 kHz: (513, 64)."""
    low, high = _slaney(50.0), _slaney(14_000.0)
    edges = np.array([_hertz(mel) for mel in np.linspace(low, high, BANDS + 2)])
    bins = np.linspace(0.0, MEL_RATE / 2, BINS)[:, None]
    rising = (bins - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins) / np.diff(edges)[1:]
    area = 2.0 / (edges[2:] - edges[:-2])
    filters: NDArray[np.float32] = np.maximum(0.0, np.minimum(rising, falling)) * area
    return filters.astype(np.float32)


def _slaney(hertz: float) -> float:
    """Linear below 1 kHz, logarithmic above."""
    return 3 * hertz / 200 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)


def _hertz(mel: float) -> float:
    return 200 * mel / 3 if mel < 15 else 1000 * math.exp((mel - 15) * math.log(6.4) / 27)


_PHASES = _phases()
_FILTERS = _mel_filters()
