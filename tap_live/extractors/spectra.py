"""Between audio and the short-time spectra that compact extractors see, hop by hop, at any rate.

The window looks back over two hops, but only its newest hop + fade are given out: a sample
leaves hop + fade after it came, not a whole window later. `models/spectra.py` is the same for
whole recordings in PyTorch.

Source of such pairs of windows: Mauler and Martin, EUSIPCO 2007.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tap_live.processor import Audio, Targets

TOP_BINS = 32  # whose mean mask is taken for the bins above those that a network sees

_FAINTEST = np.float32(1e-6)  # power of a mask

Spectrum: TypeAlias = NDArray[np.complex64]
"""(hop + 1,) one hop, or (K, hop + 1) of K targets; bin k lies at k / (2 hop_s) Hz."""


class Windows:
    """The windows for one stream rate; lengths in samples."""

    def __init__(self, hop_s: float, fade_s: float, rate: int) -> None:
        self.hop, self.fade = round(hop_s * rate), round(fade_s * rate)
        self.bins = self.hop + 1
        rising = 2 * self.hop - self.fade
        rise = np.sin(np.pi / 2 * (np.arange(rising) + 0.5) / rising)
        fall = np.cos(np.pi / 2 * (np.arange(self.fade) + 0.5) / self.fade)
        analysis = np.concatenate([rise, fall])
        # What is given out is weighed so that neighbours cross-fade: sin^2 + cos^2 = 1.
        kept = np.concatenate([fall[::-1] ** 2, np.ones(self.hop - self.fade), fall**2])
        self._analysis = (analysis / analysis.sum()).astype(np.float32)
        synthesis = kept / analysis[-len(kept) :] * analysis.sum()
        self._synthesis = synthesis.astype(np.float32)
        self._frame = np.empty(2 * self.hop, np.float32)

    def analyse(self, two_hops: Audio) -> Spectrum:
        """(2 hop,) samples, the hop before and the newest, to their spectrum."""
        np.multiply(two_hops, self._analysis, out=self._frame)
        return np.asarray(np.fft.rfft(self._frame), np.complex64)

    def synthesise(self, spectra: Spectrum, tails: Targets) -> Targets:
        """Turn a hop of K targets to audio, (K, hop); it ends `fade` before the newest sample.

        Args:
            tails: (K, fade) what the hop before left to be added; replaced by this hop's.
        """
        frames = np.asarray(np.fft.irfft(spectra, 2 * self.hop), np.float32)
        kept = frames[:, -self.hop - self.fade :] * self._synthesis
        kept[:, : self.fade] += tails
        tails[:] = kept[:, self.hop :]
        return np.asarray(kept[:, : self.hop])


def widened(mask: Spectrum, bins: int) -> Spectrum:
    """Bring a network's mask to `bins` bins: those above its own take the mean of its top ones."""
    if len(mask) >= bins:
        return mask[:bins]
    whole = np.empty(bins, np.complex64)
    whole[: len(mask)] = mask
    whole[len(mask) :] = mask[-TOP_BINS:].mean()
    return whole


def divided(masks: Spectrum, others: Spectrum) -> Spectrum:
    """Divide what there is between a target and another one, each found by itself.

    a' = sqrt(a w) with w = a^2 / (a^2 + b^2), a and b the magnitudes of the two masks; the phase of
    a stays. Where one network errs twice, it errs differently. By a network that
    does not ship, 40 training mixtures: 5.5 dB for 5.1 as they are; with what both leave below the
    line too 5.3 dB, and more words wrong. By the `voice-offline` of then, 30:
    6.3 dB for 5.9; by the one that ships, `voice_2mix`: 5.65 for 5.34.

    Returns: what becomes of `masks`.
    """
    power, other = (np.square(np.abs(found)) for found in (masks, others))
    part = np.sqrt(power) / (power + other + _FAINTEST)
    return np.asarray(masks * np.sqrt(part), np.complex64)


def share(masks: Spectrum) -> Spectrum:
    """Limit the masks of several targets, (K, bins): in no bin they take more than there is."""
    if len(masks) > 1:
        masks /= np.maximum(np.abs(masks).sum(axis=0), np.float32(1))
    return masks
