"""A re-made voice is as loud as the mel frames that were drawn of it.

A vocoder that learned to give back spectra gives less level than it was asked for where it does
not know the phases: 2 to 3 dB on average, 7 of some voices. What it said lately is compared with
what it was asked to say, and the next samples are raised by as much.
"""

import numpy as np
from numpy.typing import NDArray

from tap_live.extractors.gentse_frames import QUIETEST, Frames, MelForm, MelStream
from tap_live.processor import Audio

LATELY_S = 3.0  # of speech; pauses change nothing
DOUBT = 1.0  # frames as loud as the loudest that count as if they had been right
LIMITS = (0.5, 2.5)  # of what is multiplied with


class Loudness:
    """Follows one voice; however its frames are cut, what comes out is the same."""

    def __init__(self, form: MelForm) -> None:
        self._form, self._said = form, MelStream(form)
        self._late = -(-form.beside // form.hop)  # frames until a frame's window is complete
        self._keep = float(np.exp(-form.seconds / LATELY_S))
        self._asked = np.zeros(self._late)  # powers of frames that are not yet compared
        self._sums = np.zeros(2)  # asked, said
        self._loudest, self._before = 0.0, 1.0

    def follow(self, asked: Frames, audio: Audio) -> Audio:
        """Give (F hop,) samples the loudness of the (F, M) frames that they were made from."""
        self._asked = np.concatenate([self._asked, _powers(asked)])
        self._said.push(audio)
        said = _powers(self._said.heard.mel)
        self._said.forget(self._said.heard.end)
        said = np.concatenate([np.zeros(len(asked) - len(said)), said])  # at the very beginning
        due, self._asked = self._asked[: len(asked)], self._asked[len(asked) :]
        nexts = [self._next(*pair) for pair in zip(due, said, strict=True)]
        gains = np.array([self._before, *nexts])
        self._before = gains[-1]
        share = (np.arange(self._form.hop) + 1) / self._form.hop
        rises = gains[:-1, None] + share * np.diff(gains)[:, None]
        return np.asarray(audio * rises.ravel(), np.float32)

    def _next(self, asked: float, said: float) -> float:
        self._sums = self._keep * self._sums + (asked, said)
        self._loudest = max(self._keep * self._loudest, asked)
        wanted, found = self._sums + DOUBT * self._loudest
        return float(np.clip(np.sqrt(wanted / found), *LIMITS)) if found > 0 else 1.0


def _powers(mel: Frames) -> NDArray[np.float64]:
    """(F,) powers; of silence none: before a voice begins there is nothing to be as loud as."""
    powers = np.asarray(np.exp(2.0 * mel).sum(1), np.float64)
    powers[powers < 2 * mel.shape[1] * QUIETEST**2] = 0.0
    return powers
