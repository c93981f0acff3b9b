"""Decoded audio in one memory-mapped file, so that cutting a piece costs a copy and no more."""

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from .data import Clip
from .whole import written_whole

Audio = NDArray[np.float32]

log = logging.getLogger(__name__)


class AudioStore:
    """Hold many clips as 16-bit samples at one rate.

    The file is made once by `open` and found again by a hash of the clips and the rate.
    """

    def __init__(self, samples: NDArray[np.int16], starts: NDArray[np.int64], rate: int) -> None:
        self.rate = rate
        self._samples = samples
        self._starts = starts

    @classmethod
    def open(cls, clips: Sequence[Clip], rate: int, folder: Path) -> "AudioStore":
        """Map the decoded clips, decoding them first if this folder has not got them."""
        key = hashlib.sha256(
            json.dumps([rate, [(str(c.file), c.seconds) for c in clips]]).encode()
        ).hexdigest()[:16]
        data, index = folder / f"{key}.i16", folder / f"{key}.npy"
        if not index.exists():
            _decode(clips, rate, data, index)
        starts = np.load(index)
        return cls(np.memmap(data, np.int16, "r", shape=(int(starts[-1]),)), starts, rate)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def length(self, clip: int) -> int:
        """Samples in a clip."""
        return int(self._starts[clip + 1] - self._starts[clip])

    def read(self, clip: int, start: int, stop: int) -> Audio:
        """Return samples [start, stop) of a clip; less where the clip ends sooner."""
        first = int(self._starts[clip])
        stop = min(stop, self.length(clip))
        samples = self._samples[first + start : first + stop]
        return samples.astype(np.float32) / np.float32(32768.0)


def load(file: Path, rate: int) -> Audio:
    """Read a file as mono at a rate."""
    samples, found = sf.read(file, dtype="float32", always_2d=True)
    mono: Audio = samples.mean(axis=1)
    return mono if found == rate else np.asarray(soxr.resample(mono, found, rate), np.float32)


def _decode(clips: Sequence[Clip], rate: int, data: Path, index: Path) -> None:
    log.info("decoding %d clips to %s", len(clips), data)
    lengths = []
    with written_whole(data) as part, part.open("wb") as out:
        for clip in clips:
            samples = np.clip(load(clip.file, rate) * 32768.0, -32768, 32767).astype(np.int16)
            out.write(samples.tobytes())
            lengths.append(len(samples))
    with written_whole(index) as part:
        np.save(part, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
