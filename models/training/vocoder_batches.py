"""Clean speech for a vocoder, in short segments."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .augment import Audio
from .corpus import training_voices
from .data import read_clips
from .store import AudioStore

HELD_OUT = 40  # one clip in so many
LEVEL_DB = (-12.0, 6.0)  # beside that of the recording
SILENT = 1e-4  # RMS of a stretch of `STRETCH` samples
STRETCH = 256
MOST_SILENT = 0.1  # of a segment: logarithms of nothing are so far apart that they hide all else
DRAWS = 10  # segments, until one is heard


class Speech(NamedTuple):
    """Clips to learn from, and their numbers in the store."""

    store: AudioStore
    train: list[int]
    held_out: list[int]


def open_speech(folder: Path, rate: int, cache: Path) -> Speech:
    """Open the training speech of a folder at a rate; one clip in 40 is held out, by its name."""
    clips = training_voices(read_clips(folder / "speech"))
    store = AudioStore.open(clips, rate, cache)
    hashes = [hashlib.sha256(clip.file.name.encode()).digest()[0] for clip in clips]
    held_out = [n for n, value in enumerate(hashes) if value % HELD_OUT == 0] or [0]
    train = [n for n in range(len(clips)) if n not in held_out] or [0]
    return Speech(store, train, held_out)


class Segments(torch.utils.data.Dataset["AudioBatch"]):
    """Batch n of a process: random parts of clips, at random levels."""

    def __init__(
        self, store: AudioStore, clips: list[int], length: int, size: int, place: tuple[int, int]
    ) -> None:
        """`place` is the rank of this process, and among how many."""
        self._store, self._clips, self._length, self._size = store, clips, length, size
        self._rank, self._processes = place
        lengths = np.array([store.length(clip) for clip in clips], np.float64)
        self._shares = lengths / lengths.sum()

    def __getitem__(self, number: int) -> "AudioBatch":
        first = (number * self._processes + self._rank) * self._size
        rows = [self._segment(first + row) for row in range(self._size)]
        return AudioBatch(torch.from_numpy(np.stack(rows)))

    def _segment(self, number: int) -> Audio:
        rng = np.random.default_rng([number, 13])
        audio = self._part(rng)
        for _ in range(DRAWS - 1):
            if silence(audio) <= MOST_SILENT:
                break
            audio = self._part(rng)
        gain = 10.0 ** (rng.uniform(*LEVEL_DB) / 20.0)
        gain = min(gain, 0.95 / (float(np.abs(audio).max()) + 1e-9))
        padded: Audio = np.pad(audio * np.float32(gain), (0, self._length - len(audio)))
        return padded

    def _part(self, rng: np.random.Generator) -> Audio:
        clip = self._clips[int(rng.choice(len(self._clips), p=self._shares))]
        start = int(rng.integers(max(1, self._store.length(clip) - self._length)))
        return self._store.read(clip, start, start + self._length)


def silence(audio: Audio) -> float:
    """The share of (T,) audio that is silent, in stretches."""
    stretches = audio[: len(audio) // STRETCH * STRETCH].reshape(-1, STRETCH)
    if not len(stretches):
        return 0.0
    return float((np.square(stretches).mean(1) < SILENT**2).mean())


class AudioBatch(NamedTuple):
    """(B, T) clean speech."""

    audio: Tensor

    def to(self, device: torch.device) -> "AudioBatch":
        return AudioBatch(self.audio.to(device, non_blocking=True))
