"""Look again at what was extracted from a recording, through windows three times as long.

A network that answers every 16 ms sees the harmonics of a voice 31 Hz apart at best. Over 96 ms
what it found and what it left are told apart more finely; each takes its share of the mixture.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tap_live.processor import Audio, Cue, Targets
from tap_live.signs import Signs, Telling

STEP_S = 0.024  # windows of four steps; 64 to 128 ms do as well for voices, longer ones for sounds
STEPS = 4

_OVERLAP = 1.5  # what the squares of so many windows sum to
_FAINTEST = np.float32(1e-12)


class Refined:
    """An `Extractor` whose targets are another's, each with the share that is its own.

    Of target k with spectrum E_k and rest R = M - sum of all E, it is |E_k| / (sum |E| + |R|) of
    the mixture's M: a Wiener filter of magnitudes (Liutkus and Badeau, ICASSP 2015, alpha of 1).

    Args:
        extractor: one that may be late: of a recording.
        rate: of the stream, Hz.
    """

    _heard: Targets  # (1 + K, T) the mixture and what was found in it that windows still reach
    _tails: Targets  # (K, size) what the windows so far leave to be added
    _early: int  # samples of the silence before the first that are still to be left out
    _waiting: Audio  # mixture in which nothing was found yet
    _due: int  # samples found and not given

    def __init__(self, extractor: Telling, rate: int) -> None:
        self._extractor = extractor
        self._step = round(STEP_S * rate)
        self._size = STEPS * self._step
        self.lookahead = extractor.lookahead + self._size
        turns = 2 * np.pi * np.arange(self._size) / self._size
        self._window = (0.5 - 0.5 * np.cos(turns)).astype(np.float32)
        self._names: tuple[str, ...] = ()
        self._begin()

    def set_cues(self, cues: Sequence[Cue]) -> None:
        self._extractor.set_cues(cues)
        names = tuple(cue.name for cue in cues)
        rows = [self._names.index(name) if name in self._names else None for name in names]
        self._heard = np.concatenate([self._heard[:1], _reordered(self._heard[1:], rows)])
        self._tails = _reordered(self._tails, rows)
        self._names = names

    def signs(self, cue: Cue) -> Signs:
        return self._extractor.signs(cue)

    def push(self, block: Audio) -> Targets:
        self._waiting = np.concatenate([self._waiting, block])
        return self._take(self._extractor.push(block))

    def flush(self) -> Targets:
        found = self._take(self._extractor.flush())
        due = self._due
        silence = np.zeros((len(self._heard), self._size), np.float32)
        rest = self._look(silence)[:, :due]
        self._begin()
        return np.concatenate([found, rest], axis=1)

    def restart(self) -> None:
        """Forget the stream, not the cues; the next sample is the first."""
        self._extractor.restart()
        self._begin()

    def _take(self, found: Targets) -> Targets:
        """Look at what was found, (K, T), and at the mixture that it was found in."""
        samples = found.shape[1]
        mixture, self._waiting = self._waiting[:samples], self._waiting[samples:]
        self._due += samples
        refined = self._look(np.concatenate([mixture[None], found]))
        self._due -= refined.shape[1]
        return refined

    def _look(self, more: Targets) -> Targets:
        """Take (1 + K, T) of the mixture and of what was found; return what no window reaches."""
        step, size = self._step, self._size
        heard = np.concatenate([self._heard, more], axis=1)
        steps = max(0, (heard.shape[1] - size) // step + 1)
        ready = np.empty((len(heard) - 1, steps * step), np.float32)
        for start in range(0, steps * step, step):
            window = heard[:, start : start + size] * self._window
            spectra = np.asarray(np.fft.rfft(window), np.complex64)
            self._tails += np.fft.irfft(_shares(spectra), size) * self._window / _OVERLAP
            ready[:, start : start + step] = self._tails[:, :step]
            self._tails = np.pad(self._tails[:, step:], ((0, 0), (0, step)))
        self._heard = heard[:, steps * step :]
        early = min(self._early, steps * step)
        self._early -= early
        return ready[:, early:]

    def _begin(self) -> None:
        before = self._size - self._step  # windows of silence before the first sample
        self._heard = np.zeros((1 + len(self._names), before), np.float32)
        self._tails = np.zeros((len(self._names), self._size), np.float32)
        self._early = before
        self._waiting = np.empty(0, np.float32)
        self._due = 0


def _shares(spectra: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """(1 + K, bins) of a mixture and of its targets -> (K, bins)."""
    mixture, found = spectra[0], spectra[1:]
    sizes = np.abs(found)
    rest = np.abs(mixture - found.sum(axis=0))
    return np.asarray(sizes / (sizes.sum(axis=0) + rest + _FAINTEST) * mixture)


def _reordered(parts: Targets, rows: Sequence[int | None]) -> Targets:
    """(K', T) whose rows are those of (K, T) that are named; silence where none is."""
    silence = np.zeros_like(parts, shape=parts.shape[1:])
    return np.stack([silence if row is None else parts[row] for row in rows]) if rows else parts[:0]
