"""Train the cue encoders and embed what sound training needs: what `fit-cues` does."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.progress import Progress
from torch import Tensor
from torch.nn import functional as F

from ..cues import AudioCueEncoder, Likes, windows
from .audio_cue import Mel, Sounds, embed_all, open_mels, open_sounds, train
from .captions import caption_bank
from .cue_files import (
    LIKES,
    TABLE,
    CueEncoders,
    open_audio,
    open_likes,
    open_table,
    save_audio,
    save_likes,
    save_table,
)
from .data import Clip, read_clips
from .labels import Kinds
from .retrieval import retrieval
from .sentences import SentenceEncoder
from .sounds import CueBank, name_of, training_sounds
from .space import Space
from .text_cue import Vocabulary, distil, embed

PARTS = 4  # of a clip that have cues of their own

log = logging.getLogger(__name__)


def fit_encoders(
    data: Path,
    out: Path,
    minilm: Path,
    cache: Path,
    epochs: int,
    rate: float,
    start: Path | None,
    seed: int,
) -> dict[str, str]:
    """What `fit-cues` does; returns how well cues find what they ask for."""
    torch.set_num_threads(1)
    kinds, teacher = Kinds.open(), SentenceEncoder(minilm, cache)
    bank = caption_bank(kinds)
    space = Space.fit(sentences := teacher.embed(bank))
    clips = read_clips(data / "sounds")
    training, dev = (
        open_sounds([c for c in clips if c.split == split], kinds, teacher, space, cache)
        for split in ("train", "dev")
    )
    if not (out / TABLE).exists():
        captions = sorted({c.caption for c in clips if c.split == "train"})
        chosen = Vocabulary.choose([*bank, *captions, *kinds.sayings()], teacher, bank)
        save_table(out, distil(chosen, bank, captions, teacher, space, seed=seed), chosen)
    table, vocabulary = open_table(out)
    with Progress(disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("audio encoder", total=1.0)
        audio = train(
            training,
            epochs=epochs,
            rate=rate,
            seed=seed,
            start=open_audio(start) if start else None,
            watch=lambda done: bar.update(task, completed=done),
        )
    said = embed(table, vocabulary, list(kinds.sayings()))
    known, _ = training_sounds(clips, kinds)
    heard = torch.stack([parts(audio, mel) for mel in open_mels(known, cache)])
    if not (out / LIKES).exists():
        told = embed(table, vocabulary, _told(known))
        save_likes(out, likes_of(kinds, known, heard, said, told))
    likes = open_likes(out)
    figures = measure(audio, dev, said, embed(table, vocabulary, dev.texts), likes)
    save_audio(out, audio, {"kinds": len(kinds.kinds), "figures": figures})
    encoders = CueEncoders(audio, table, vocabulary, likes)
    CueBank(
        files=[name_of(clip) for clip in known],
        clips=heard.numpy(),
        told=encoders.of_texts(_told(known)).numpy(),
        captions=space.place(sentences).numpy(),
        sayings=encoders.of_texts(list(kinds.sayings())).numpy(),
        owners=[kind.name for kind in kinds.kinds for _ in kind.sayings],
    ).save(out / "sound.npz")
    return figures


def _told(clips: Sequence[Clip]) -> list[str]:
    return [clip.caption or clip.name for clip in clips]


def likes_of(
    kinds: Kinds, known: Sequence[Clip], heard: Tensor, said: Tensor, told: Tensor
) -> Likes:
    """What kinds are like, of clips and their (N, PARTS, width) cues.

    Args:
        said, told: (S, width) and (N, width) the table's cues of all sayings and of the clips'
            captions: what a caption says of one clip, people may say of another.
    """
    its = [kinds.find(clip.name, clip.caption) for clip in known]
    means = [heard[[one is kind for one in its]].flatten(0, 1).sum(0) for kind in kinds.kinds]
    numbers = [number for number, kind in enumerate(kinds.kinds) for _ in kind.sayings]
    order = {kind: number for number, kind in enumerate(kinds.kinds)}
    captions = {text: row for row, text in enumerate(_told(known))}  # each once: the last clip's
    rows = list(captions.values())
    for row in rows:
        kind = its[row]
        assert kind is not None  # they are known
        numbers.append(order[kind])
    return Likes(
        torch.cat([said, told[rows]]),
        torch.tensor(numbers),
        F.normalize(torch.stack(means), dim=-1),
    )


def measure(
    audio: AudioCueEncoder, dev: Sounds, said: Tensor, told: Tensor, likes: Likes
) -> dict[str, str]:
    """Kinds found by clips, and clips by kinds, of clips that nothing was trained on.

    Args:
        said, told: (S, width) and (N, width) the table's cues of the sayings and of the clips'
            captions, beside MiniLM's in `dev`.
        likes: by which words are moved.
    """
    cues, owners = embed_all(audio, dev), dev.owners
    return {
        "dev clips, MiniLM": str(retrieval(cues, dev.kinds, dev.sayings, owners)),
        "dev clips, table": str(retrieval(cues, dev.kinds, said, owners)),
        "dev captions, MiniLM": str(retrieval(dev.captions, dev.kinds, dev.sayings, owners)),
        "dev captions, table": str(retrieval(told, dev.kinds, said, owners)),
        "dev captions, table, beside training clips' captions": str(
            retrieval(told, dev.kinds, likes.sayings, likes.kinds)
        ),
        "dev captions, cosine of table and MiniLM": f"{(told * dev.captions).sum(1).mean():.3f}",
        "sayings, cosine of table and MiniLM": f"{(said * dev.sayings).sum(1).mean():.3f}",
    }


@torch.no_grad()
def parts(audio: AudioCueEncoder, mel: Mel) -> Tensor:
    """(PARTS, width) cues of parts of a clip, repeated where it has fewer."""
    cut = windows(10.0 ** torch.from_numpy(mel).float())
    chosen = torch.linspace(0, len(cut) - 1, PARTS).long()
    return F.normalize(audio(cut[chosen]), dim=-1)
