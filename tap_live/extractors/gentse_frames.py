"""What the generative voice model hears and draws, frame by frame, at any place of a stream.

Everything is a function of where in the stream it is: mel frames, their level, the times at which
Whisper's positions are read, and the noise that is drawn from. So chunks that overlap agree.
`models/gentse.py` has the same for whole recordings in PyTorch.

Letters in shapes: F mel frames, M bands, W Whisper's width.
"""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tap_live.processor import Audio

Frames: TypeAlias = NDArray[np.float32]
"""(F, M) natural logarithms of amplitudes."""

POSITION_S = 0.02  # of Whisper's encoder
LEVEL_S = 3.0  # over which the mixture's level is measured
FLOOR = 6.0  # nats below it; softer is silence
QUIETEST = 1e-5
LOUDEST, RAISED = 1.2, 1.5  # of Whisper's log-mel frames: levelled so, raised by at most so much
_WORDS = 4  # that Philox gives for each count


@dataclass(frozen=True)
class MelForm:
    """Log-mel frames as the vocoder hears them; in samples and Hz.

    Attributes:
        filters: (fft // 2 + 1, M)
    """

    rate: int
    fft: int
    hop: int
    filters: NDArray[np.float32]

    @property
    def seconds(self) -> float:
        """Of a frame."""
        return self.hop / self.rate

    @property
    def beside(self) -> int:
        """Samples that a frame's window reaches beyond it, on either side."""
        return (self.fft - self.hop) // 2

    @property
    def level_frames(self) -> int:
        return round(LEVEL_S * self.rate / self.hop)


class Stretch(NamedTuple):
    """Mel frames of a mixture, and the level at each, from frame `start` on."""

    start: int
    mel: Frames
    level: NDArray[np.float32]  # (F,) nats

    @property
    def end(self) -> int:
        return self.start + len(self.mel)

    def part(self, start: int, stop: int) -> "Stretch":
        place = slice(start - self.start, stop - self.start)
        return Stretch(start, self.mel[place], self.level[place])


class MelStream:
    """Audio in, mel frames and levels kept until they are forgotten."""

    heard: Stretch

    def __init__(self, form: MelForm) -> None:
        self._form = form
        turns = np.arange(form.fft) / form.fft
        self._window = (0.5 - 0.5 * np.cos(2 * np.pi * turns)).astype(np.float32)
        self._held = np.zeros(form.beside, np.float32)  # before the stream there is silence
        self._amplitudes = np.empty(0)
        bands = form.filters.shape[1]
        self.heard = Stretch(0, np.empty((0, bands), np.float32), np.empty(0, np.float32))

    def push(self, block: Audio) -> None:
        """Hear (T,) samples, any T."""
        form = self._form
        self._held = np.concatenate([self._held, block])
        count = max(0, (len(self._held) - form.fft) // form.hop + 1)
        if not count:
            return
        views = np.lib.stride_tricks.sliding_window_view(self._held, form.fft)
        spectra = np.fft.rfft(views[: count * form.hop : form.hop] * self._window)
        self._held = self._held[count * form.hop :]
        amplitude = np.sqrt(np.square(np.abs(spectra)) + 1e-9) @ form.filters
        mel = np.log(np.maximum(amplitude, QUIETEST)).astype(np.float32)
        level = self._levels(np.exp(mel).mean(1))
        start, mels, levels = self.heard
        self.heard = Stretch(start, np.concatenate([mels, mel]), np.concatenate([levels, level]))

    def forget(self, start: int) -> None:
        """Drop what lies before frame `start`."""
        self.heard = self.heard.part(max(start, self.heard.start), self.heard.end)

    def _levels(self, amplitudes: NDArray[np.float32]) -> NDArray[np.float32]:
        window, before = self._form.level_frames, len(self._amplitudes)
        known = np.concatenate([self._amplitudes, amplitudes])
        sums = np.concatenate([[0.0], np.cumsum(known)])
        last = np.arange(before, len(known)) + 1
        first = np.maximum(0, last - window)
        self._amplitudes = known[max(0, len(known) - window + 1) :]
        means = (sums[last] - sums[first]) / (last - first)
        return np.asarray(np.log(np.maximum(means, QUIETEST)), np.float32)


def loud(mel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Whisper's (80, F) log-mel frames, their loudest value always the same."""
    levelled: NDArray[np.float32] = mel + np.float32(min(LOUDEST - float(mel.max()), RAISED))
    return levelled


def places(first: int, count: int, form: MelForm) -> NDArray[np.float64]:
    """At which of Whisper's positions frames lie, `count` of them from frame `first` on."""
    middles = first + 0.5 + np.arange(count, dtype=np.float64)
    return np.asarray(middles * (form.seconds / POSITION_S), np.float64)


def frames_before(position: int, form: MelForm) -> int:
    """How many frames lie before a position."""
    return max(0, int(np.ceil(position * POSITION_S / form.seconds - 0.5)))


def read_at(
    hidden: NDArray[np.float32], start: int, place: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Read positions, the first of which is number `start`, between two in a line: (F, W)."""
    place = np.clip(place - start, 0, len(hidden) - 1)
    before = np.minimum(place.astype(int), max(0, len(hidden) - 2))
    share = (place - before).astype(np.float32)[:, None]
    after = np.minimum(before + 1, len(hidden) - 1)
    found: NDArray[np.float32] = hidden[before] * (1 - share) + hidden[after] * share
    return found


def noise_at(seed: int, first: int, count: int, numbers: int) -> NDArray[np.float32]:
    """Normal noise of frames `first` on: the same frame always has the same, (count, numbers).

    Drawn by counting, not in turn: Philox starts anywhere in its sequence.

    Source: Salmon et al., doi:10.1145/2063384.2063405; Box and Muller, 1958.
    """
    each = -(-numbers // 2) * 2  # words of a frame: a pair gives a pair
    each = -(-each // _WORDS) * _WORDS
    philox = np.random.Philox(key=seed)
    philox.advance(first * each // _WORDS)
    words = np.asarray(philox.random_raw(count * each), np.uint64).reshape(count, each // 2, 2)
    uniform = ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    radius, angle = np.sqrt(-2 * np.log(uniform[..., 0])), 2 * np.pi * uniform[..., 1]
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    return pairs.reshape(count, each)[:, :numbers].astype(np.float32)
