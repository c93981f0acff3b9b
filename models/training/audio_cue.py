"""Train the audio encoder of cues: a clip shall lie where the sentences about it lie.

Two losses: the cosine to one sentence about the clip, and a contrast of the clip with how all
kinds are said (sentences are fixed, so this is a classifier whose weights are words).
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..cues import BANDS, RATE, WINDOW_FRAMES, AudioCueEncoder, AudioDims
from .data import Clip
from .labels import Kinds
from .retrieval import Retrieval, retrieval
from .sentences import SentenceEncoder
from .sounds import SHORTEST_S
from .space import Space
from .store import load
from .whole import written_whole

log = logging.getLogger(__name__)

Mel = NDArray[np.float16]  # (F, BANDS), log10 of power

TEMPERATURE = 0.07
OWN = 0.25  # share of clips whose sentence is their own caption, not one of their kind's


@dataclass(frozen=True)
class Sounds:
    """Clips of kinds, as mel frames, and the places of sentences about them.

    Attributes:
        mels, kinds, texts, captions: one a clip; `captions` (N, width) are the places of `texts`.
        sayings: (S, width) how kinds are said; `owners` (S,) the kind of each.
        clashes: (K, K) which kinds cannot be told apart.
    """

    mels: Sequence[Mel]
    kinds: Tensor
    texts: Sequence[str]
    captions: Tensor
    sayings: Tensor
    owners: Tensor
    clashes: Tensor


def open_sounds(
    clips: Sequence[Clip], table: Kinds, minilm: SentenceEncoder, space: Space, cache: Path
) -> Sounds:
    """Gather the clips of known kinds; their mel frames are made once and kept in `cache`."""
    known = [
        (clip, table.kinds.index(kind))
        for clip in clips
        if clip.seconds >= SHORTEST_S and (kind := table.find(clip.name, clip.caption)) is not None
    ]
    captions = sorted({clip.caption for clip, _ in known})
    places = dict(zip(captions, space.place(minilm.embed(captions)), strict=True))
    owners = [number for number, kind in enumerate(table.kinds) for _ in kind.sayings]
    return Sounds(
        mels=open_mels([clip for clip, _ in known], cache),
        kinds=torch.tensor([kind for _, kind in known]),
        texts=[clip.caption for clip, _ in known],
        captions=torch.stack([places[clip.caption] for clip, _ in known]),
        sayings=space.place(minilm.embed(list(table.sayings()))),
        owners=torch.tensor(owners),
        clashes=torch.tensor([[a.clashes(b) for b in table.kinds] for a in table.kinds]),
    )


def open_mels(clips: Sequence[Clip], cache: Path) -> list[Mel]:
    """Mel frames of clips, computed the first time."""
    key = hashlib.sha256("\n".join(str(clip.file) for clip in clips).encode()).hexdigest()[:16]
    file = cache / f"mels-{key}.npz"
    if not file.exists():
        log.info("reading %d clips to %s", len(clips), file)
        encoder = AudioCueEncoder(AudioDims())
        mels = [encoder.mel(torch.from_numpy(load(clip.file, RATE))) for clip in clips]
        logs = [(mel + 1e-10).log10().half().numpy() for mel in mels]
        with written_whole(file) as part:
            np.savez(part, frames=np.concatenate(logs), lengths=[len(mel) for mel in logs])
    with np.load(file) as saved:
        return np.split(saved["frames"], np.cumsum(saved["lengths"])[:-1])


def train(
    sounds: Sounds,
    *,
    epochs: int,
    rate: float = 2e-3,
    batch: int = 32,
    seed: int = 0,
    dims: AudioDims | None = None,
    start: AudioCueEncoder | None = None,
    watch: Callable[[float], None] = lambda _: None,
) -> AudioCueEncoder:
    """Train an encoder, a new one or `start`.

    Every epoch draws as many clips as there are, rare kinds more often.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = (start or AudioCueEncoder(dims or AudioDims())).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=0.02)
    steps = epochs * len(sounds.mels) // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps + 1)
    share = 1.0 / np.sqrt(np.bincount(sounds.kinds, minlength=len(sounds.clashes)))[sounds.kinds]
    for step in range(steps):
        chosen = rng.choice(len(sounds.mels), batch, p=share / share.sum())
        mels = np.stack([draw(rng, sounds, clip) for clip in chosen])
        loss = cue_loss(net(torch.from_numpy(mels)), torch.from_numpy(chosen), sounds)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        watch((step + 1) / steps)
        if step % 100 == 0:
            log.info("step %d of %d, loss %.3f", step, steps, loss.item())
    return net.eval()


def cue_loss(cues: Tensor, clips: Tensor, sounds: Sounds) -> Tensor:
    """Contrast with all kinds, and one less the cosine to a sentence about the clip."""
    kinds = sounds.kinds[clips]
    picked = torch.rand(len(clips), len(sounds.owners))
    picked[sounds.owners != kinds[:, None]] = -1.0
    sentences = sounds.sayings[picked.argmax(1)]  # one of the kind's
    own = torch.rand(len(clips)) < OWN
    sentences = torch.where(own[:, None], sounds.captions[clips], sentences)
    likeness = cues @ sounds.sayings.T  # (B, S)
    masked = sounds.clashes[kinds][:, sounds.owners] & (sounds.owners != kinds[:, None])
    logits = (likeness / TEMPERATURE).masked_fill(masked, -1e4)
    mine = (sounds.owners == kinds[:, None]).float()
    contrast = -(logits.log_softmax(1) * mine).sum(1) / mine.sum(1)
    return (contrast + 1 - (cues * sentences).sum(1)).mean()


def draw(rng: np.random.Generator, sounds: Sounds, clip: int) -> NDArray[np.float32]:
    """A part of a clip as power (150, 64): coloured, band-limited, another faintly under it."""
    mel = _part(rng, sounds.mels[clip])
    if rng.random() < 0.5:
        other = _part(rng, sounds.mels[int(rng.integers(len(sounds.mels)))])
        share = mel.mean() / (other.mean() + 1e-20) * 10 ** rng.uniform(-3, -0.5)
        mel = mel + other * np.float32(share)
    slope = np.interp(np.arange(BANDS), [0, 21, 42, 63], rng.normal(0, 0.25, 4))
    mel = mel * (10**slope).astype(np.float32)
    if rng.random() < 0.4:
        mel[:, int(rng.integers(BANDS // 2, BANDS)) :] = 0.0
    for _ in range(2):
        low, start = int(rng.integers(BANDS)), int(rng.integers(WINDOW_FRAMES))
        mel[:, low : low + int(rng.integers(8))] = 0.0
        mel[start : start + int(rng.integers(20))] = 0.0
    return mel


def _part(rng: np.random.Generator, mel: Mel) -> NDArray[np.float32]:
    """150 frames from anywhere in a clip, repeated where it is shorter; not its silence."""
    if len(mel) < WINDOW_FRAMES:
        mel = np.roll(np.tile(mel, (-(-WINDOW_FRAMES // len(mel)), 1)), rng.integers(150), axis=0)
    for _ in range(4):
        start = int(rng.integers(len(mel) - WINDOW_FRAMES + 1))
        part = 10.0 ** mel[start : start + WINDOW_FRAMES].astype(np.float32)
        if part.mean() > 1e-6 * 10.0 ** float(mel.max()):
            break
    return np.asarray(part, np.float32)


def embed_all(net: AudioCueEncoder, sounds: Sounds) -> Tensor:
    """(N, width) cues of whole clips."""
    return torch.stack([net.embed(10.0 ** torch.from_numpy(mel).float()) for mel in sounds.mels])


def measure(net: AudioCueEncoder, sounds: Sounds) -> Retrieval:
    """Kinds by clip and clips by kind."""
    return retrieval(embed_all(net, sounds), sounds.kinds, sounds.sayings, sounds.owners)
