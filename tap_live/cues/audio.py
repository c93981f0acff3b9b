"""An example clip as a cue: a small network over its mel frames, in the space of the words.

cues = AudioCues.open()
cues.embed(audio, rate)    (128,), a unit vector
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tap_live.audio.resample import StreamResampler
from tap_live.bundle import open_bundle
from tap_live.cues.features import RATE, mel_frames, mel_windows
from tap_live.errors import CueError
from tap_live.processor import Audio, Embedding
from tap_live.runtime import Engine

BUNDLE = Path(__file__).parents[1] / "bundles" / "audio-cue"
SHORTEST_S = 0.05
LONGEST_S = 60.0  # what comes later is not heard
SILENT = 1e-4  # peak, -80 dBFS
BATCH = 8  # windows at a time


class AudioCues:
    """Embed recordings of one sound."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, folder: Path = BUNDLE) -> "AudioCues":
        """Load the bundle. Raises: BundleError, RuntimeMissingError."""
        return cls(Engine(open_bundle(folder, "audio-cue"), "windows"))

    def embed(self, audio: Audio, rate: int) -> Embedding:
        """Embed a clip, (T,) at `rate`: (D,), a unit vector; its level makes no difference.

        Raises: CueError if the clip is silent, too short or not a number; AudioError if the
            rate cannot be.
        """
        audio = audio[: int(LONGEST_S * rate)]
        if not np.isfinite(audio).all():
            raise CueError("the clip has samples that are not numbers: record it again")
        if len(audio) < SHORTEST_S * rate:
            raise CueError(
                f"the clip has {len(audio) / rate:.3f} s, "
                f"at least {SHORTEST_S} s of the sound are wanted"
            )
        peak = float(np.abs(audio).max())
        if peak < SILENT:
            raise CueError(f"the clip is silent (peak {peak:.1e}): record the sound again, louder")
        return self.embed_windows(mel_windows(mel_frames(_at_rate(audio / peak, rate))))

    def embed_windows(self, windows: NDArray[np.float32]) -> Embedding:
        """The mean of windows, (N, 150, 64): (D,), a unit vector."""
        parts = [
            self._engine.step({"mel": windows[start : start + BATCH]}, {})[0]["cue"]
            for start in range(0, len(windows), BATCH)
        ]
        mean = np.concatenate(parts).mean(axis=0)
        return np.asarray(mean / (np.linalg.norm(mean) + 1e-12), np.float32)


def _at_rate(audio: Audio, rate: int) -> Audio:
    resampler = StreamResampler(rate, RATE)
    audio = np.ascontiguousarray(audio, np.float32)
    return np.concatenate([resampler.push(audio), resampler.flush()])
