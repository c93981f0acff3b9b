"""How surely two pieces of speech are of one voice.

States of the encoder are projected to where voices differ and recordings do not (linear
discriminant analysis over training voices), compared by their angle, and held against a
cohort of training voices: a score is how far above strangers' two pieces lie, in their
standard deviations (adaptive symmetric normalisation). For every length of window a
line turns scores into log-likelihood ratios.

Source: Matejka et al., "Analysis of score normalization in multilingual speaker
recognition", Interspeech 2017.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tap_live.bundle import open_bundle
from tap_live.errors import BundleError
from tap_live.processor import Embedding
from tap_live.voices.encoder import LENGTHS, WIDTH, unit

BUNDLE = Path(__file__).parents[1] / "bundles" / "voices"
NEAREST = 200  # strangers of the cohort that a piece is held against

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Backend:
    """What `export` learns from training voices; arrays as they lie in the bundle."""

    means: Array  # (8, 256) of states, for windows of 0.2, 0.4, ... 1.6 s
    axes: Array  # (256, D)
    cohort: Array  # (C, D) unit vectors, a voice each
    slopes: Array  # (8,) log-likelihood ratio for a score, by length of window
    offsets: Array  # (8,)


@dataclass(frozen=True)
class Print:
    """A voice as it is compared: a unit vector, and how near strangers come to it."""

    vector: Array  # (D,)
    mean: float
    spread: float


class Scorer:
    """Compare windows of a stream with enrolled voices."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @classmethod
    def open(cls, folder: Path = BUNDLE) -> "Scorer":
        """Load the bundle. Raises: BundleError."""
        bundle = open_bundle(folder, "voice-scoring")
        path = bundle.path("voices.npz")
        try:
            with np.load(path, allow_pickle=False) as arrays:
                names = Backend.__dataclass_fields__
                return cls(Backend(**{name: arrays[name].astype(np.float32) for name in names}))
        except (OSError, ValueError, KeyError) as error:
            raise BundleError(f"cannot read {path}: {error}") from error

    def project(self, states: Array, length: int = LENGTHS) -> Array:
        """Project (N, 256) states of windows of `length` 0.2 s to (N, D) unit vectors."""
        return unit((states - self._backend.means[length - 1]) @ self._backend.axes)

    def print_of(self, state: Embedding | Sequence[float]) -> Print:
        """Make a voice of its mean state over windows of 1.6 s, (256,)."""
        vector = self.project(np.asarray(state, np.float32)[None])[0]
        mean, spread = self._strangers(vector[None])
        return Print(vector, float(mean[0]), float(spread[0]))

    def scores(self, states: Array, prints: Sequence[Print], length: int = LENGTHS) -> Array:
        """Score (N, 256) states of windows of `length` 0.2 s against K voices: (N, K)."""
        return self.compare(self.project(states, length), prints)

    def compare(self, vectors: Array, prints: Sequence[Print]) -> Array:
        """Score (N, D) projected pieces against K voices: (N, K)."""
        mean, spread = self._strangers(vectors)
        enrolled = np.array([p.vector for p in prints], np.float32).reshape(-1, vectors.shape[1])
        near = vectors @ enrolled.T  # (N, K)
        from_piece = (near - mean[:, None]) / spread[:, None]
        means = np.array([p.mean for p in prints], np.float32)
        spreads = np.array([p.spread for p in prints], np.float32)
        return np.asarray((from_piece + (near - means) / spreads) / 2, np.float32)

    def ratios(self, state: Array, length: int, prints: Sequence[Print]) -> Array:
        """Return log-likelihood ratios of one window for K voices: (256,) -> (K,)."""
        scores = self.scores(state[None], prints, length)[0]
        slope, offset = self._backend.slopes[length - 1], self._backend.offsets[length - 1]
        return np.asarray(slope * scores + offset, np.float32)

    def _strangers(self, vectors: Array) -> tuple[Array, Array]:
        near = vectors @ self._backend.cohort.T  # (N, C)
        most = min(NEAREST, near.shape[1])
        nearest = np.partition(near, -most, axis=1)[:, -most:]
        return nearest.mean(axis=1), nearest.std(axis=1) + np.float32(1e-6)


def mean_state(states: Array) -> Embedding:
    """Average the states of a recording's windows: (N, 256) -> (256,)."""
    return np.asarray(states.mean(axis=0) if len(states) else np.zeros(WIDTH), np.float32)
