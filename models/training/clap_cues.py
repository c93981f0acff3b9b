"""CLAP's cues of training clips and captions: what the full model's training reads.

SpecAugment on the query is done here: of the parts of a clip whose cues are kept, all but
the first are masked in time and frequency.

Source of the masking: Park et al., arXiv:1904.08779.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..clap import RATE, SAMPLES, Clap, ten_seconds
from ..clap_files import tokens_of
from .captions import caption_bank
from .data import Clip, read_clips
from .labels import Kinds
from .present import check_captions
from .sounds import CueBank, Vectors, name_of, usable
from .store import load
from .whole import written_whole

PARTS = 4
TIME_MASK, BAND_MASK = 100, 12  # widest, in frames and bands
BATCH = 16  # texts at a time
CLIPS, TEXTS = 16, 256  # in a file of the cache
_SILENT_DB = -100.0


class Told(Protocol):
    """Told what is embedded, how much of it is done, and how much there is."""

    def __call__(self, what: str, done: int, total: int, /) -> None: ...


def _untold(what: str, done: int, total: int, /) -> None:
    pass


def clap_bank(
    clap: Clap,
    tokenizer: object,
    data: Path,
    captions: Sequence[str] = (),
    kinds: Kinds | None = None,
    *,
    cache: Path,
    seed: int = 0,
    augment: bool = True,
    tell: Told = _untold,
) -> CueBank:
    """Embed the training clips of a folder, captions (our own where none are given) and kinds.

    Args:
        cache: folder of what is done; one that was stopped goes on from there.
        augment: SpecAugment; without it all parts are as they sound.
    Raises: ValueError if there is nothing to train on.
    """
    kinds = kinds or Kinds.open()
    if not (clips := usable(read_clips(data / "sounds"))):
        raise ValueError(f"wanted sounds to train on, found none of the split train in {data}")
    sayings = [(saying, kind.name) for kind in kinds.kinds for saying in kind.sayings]
    embedding = _Embedding(clap, tokenizer, cache, tell)
    return CueBank(
        files=[name_of(clip) for clip in clips],
        clips=embedding.of_clips(clips, seed if augment else None),
        told=embedding.of_texts("their captions", [clip.caption or clip.name for clip in clips]),
        captions=embedding.of_texts("captions", captions or caption_bank(kinds)),
        sayings=embedding.of_texts("kinds", [saying for saying, _ in sayings]),
        owners=[owner for _, owner in sayings],
    )


@dataclass(frozen=True)
class _Embedding:
    """CLAP over clips and texts; what is done is kept, some of them a file."""

    clap: Clap
    tokenizer: object
    cache: Path
    tell: Told

    def of_clips(self, clips: Sequence[Clip], seed: int | None) -> Vectors:
        """N clips -> (N, PARTS, 512); masked where there is a seed."""
        found = []
        for start in range(0, len(clips), CLIPS):
            some = clips[start : start + CLIPS]
            told = [seed, start, [(str(clip.file.resolve()), clip.seconds) for clip in some]]
            file = self._file("clips", json.dumps(told).encode())
            if not file.exists():
                rng = None if seed is None else torch.Generator().manual_seed(seed + start)
                parts = []
                for number, clip in enumerate(some, start):
                    self.tell("clips", number, len(clips))
                    parts.append(_parts(self.clap, clip, rng))
                with written_whole(file) as part:
                    np.save(part, np.stack(parts))
            found.append(np.load(file))
        self.tell("clips", len(clips), len(clips))
        return np.concatenate(found)

    def of_texts(self, what: str, texts: Sequence[str]) -> Vectors:
        """N texts -> (N, 512)."""
        found = []
        for start in range(0, len(texts), TEXTS):
            ids = tokens_of(self.tokenizer, list(texts[start : start + TEXTS]))
            file = self._file("texts", ids.numpy().tobytes())
            if not file.exists():
                parts = []
                for first in range(0, len(ids), BATCH):
                    self.tell(what, start + first, len(texts))
                    parts.append(self.clap.embed_tokens(ids[first : first + BATCH]).cpu())
                with written_whole(file) as part:
                    np.save(part, torch.cat(parts).numpy())
            found.append(np.load(file))
        self.tell(what, len(texts), len(texts))
        return np.concatenate(found)

    def _file(self, what: str, given: bytes) -> Path:
        key = hashlib.sha256(self._weights + given).hexdigest()[:16]
        return self.cache / f"clap-{what}-{key}.npy"

    @cached_property
    def _weights(self) -> bytes:
        """What tells this CLAP from another: some numbers of each tensor."""
        parts = (value.flatten()[:64].cpu() for value in self.clap.state_dict().values())
        return b"".join(part.numpy().tobytes() for part in parts)


def masked(mel: Tensor, rng: torch.Generator) -> Tensor:
    """SpecAugment: silence in a stretch of time and in a band of (B, F, 64) decibels."""
    mel = mel.clone()
    for axis, widest in ((1, TIME_MASK), (2, BAND_MASK)):
        width = int(torch.randint(widest + 1, (), generator=rng))
        start = int(torch.randint(mel.shape[axis] - width + 1, (), generator=rng))
        mel.narrow(axis, start, width).fill_(_SILENT_DB)
    return mel


def read_captions(file: Path) -> list[str]:
    """Captions of a text file, one a line. Raises: FileNotFoundError, ValueError."""
    check_captions(file)
    lines = file.read_text(encoding="utf-8").splitlines()
    captions = dict.fromkeys(" ".join(line.split()) for line in lines)
    if not (found := [caption for caption in captions if caption]):
        raise ValueError(f"wanted captions, one a line, found none in {file}")
    return found


@torch.no_grad()
def _parts(clap: Clap, clip: Clip, rng: torch.Generator | None) -> Vectors:
    """(PARTS, 512) of stretches of 10 s that lie evenly in a clip; masked if `rng` is there."""
    device = clap.mel.window.device
    cues = []
    for number, audio in enumerate(_stretches(torch.from_numpy(load(clip.file, RATE)))):
        mel = clap.mel(ten_seconds(audio[None].to(device)))
        cues.append(clap.embed_mel(masked(mel, rng) if number and rng else mel)[0].cpu())
    found: Vectors = torch.stack(cues).numpy()
    return found


def _stretches(audio: Tensor) -> Iterator[Tensor]:
    spare = max(0, len(audio) - SAMPLES)
    for number in range(PARTS):
        start = spare * number // (PARTS - 1)
        yield audio[start : start + SAMPLES]
