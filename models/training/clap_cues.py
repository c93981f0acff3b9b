"""CLAP's cues of training clips and captions: what the full model's training reads.

SpecAugment on the query is done here: of the parts of a clip whose cues are kept, all but
the first are masked in time and frequency.

Source of the masking: Park et al., arXiv:1904.08779.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

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

log = logging.getLogger(__name__)

PARTS = 4
TIME_MASK, BAND_MASK = 100, 12  # widest, in frames and bands
BATCH = 16  # texts at a time
_SILENT_DB = -100.0


def clap_bank(
    clap: Clap,
    tokenizer: object,
    data: Path,
    captions: Sequence[str] = (),
    kinds: Kinds | None = None,
    *,
    seed: int = 0,
    augment: bool = True,
    each: Callable[[Sequence[Clip]], Iterable[Clip]] = lambda clips: clips,
) -> CueBank:
    """Embed the training clips of a folder, captions (our own where none are given) and kinds.

    Args:
        augment: SpecAugment; without it all parts are as they sound.
        each: gives the clips in turn, and may draw how many are done.
    Raises: ValueError if there is nothing to train on.
    """
    kinds = kinds or Kinds.open()
    if not (clips := usable(read_clips(data / "sounds"))):
        raise ValueError(f"wanted sounds to train on, found none of the split train in {data}")
    rng = torch.Generator().manual_seed(seed)
    sayings = [(saying, kind.name) for kind in kinds.kinds for saying in kind.sayings]
    log.info("embedding %d clips", len(clips))
    return CueBank(
        files=[name_of(clip) for clip in clips],
        clips=np.stack([_parts(clap, clip, rng if augment else None) for clip in each(clips)]),
        told=embed_texts(clap, tokenizer, [clip.caption or clip.name for clip in clips]),
        captions=embed_texts(clap, tokenizer, captions or caption_bank(kinds)),
        sayings=embed_texts(clap, tokenizer, [saying for saying, _ in sayings]),
        owners=[owner for _, owner in sayings],
    )


def embed_texts(clap: Clap, tokenizer: object, texts: Sequence[str]) -> Vectors:
    """N texts -> (N, 512)."""
    parts = [
        clap.embed_tokens(tokens_of(tokenizer, list(texts[start : start + BATCH]))).cpu()
        for start in range(0, len(texts), BATCH)
    ]
    found: Vectors = torch.cat(parts).numpy()
    return found


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
