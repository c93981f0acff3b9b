"""All that a sound network is trained on, opened from one folder and a file of cues.

folder/sounds   clips of all kinds, in any layout that data.py reads
folder/rir      room responses, likewise
folder/cues/sound.npz   cues of these clips, made by `fit-cues`

The clips of a kind that cannot be asked for serve as noise; the full model, which trains on any
sounds with captions or labels, opens its own in full_corpus.py.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..compact import BANDS_16K
from ..cues import RATE
from .data import Clip, read_clips
from .labels import Kind, Kinds
from .present import CUES as CUES
from .present import check_cues
from .store import AudioStore
from .voices import Surroundings

SHORTEST_S = 0.1
HELD_OUT = 12  # one clip of so many is not learned from, by a hash of its name
# Bins of 31.25 Hz up to 16 kHz.
BANDS_32K = ((4, 8), (8, 6), (16, 5), (32, 3), (64, 4))
BANDS = {16_000: BANDS_16K, RATE: BANDS_32K}  # by the rate of the mixtures, Hz

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class CueBank:
    """Cues of clips, of captions that belong to no clip, and of how kinds are said.

    Attributes:
        files: (N,) names of the clips' files; `clips` (N, P, width) cues of P parts of each;
            `told` (N, width) of their own captions.
        captions: (M, width) of the bank.
        sayings: (S, width); `owners` (S,) names of their kinds.
    """

    files: list[str]
    clips: Vectors
    told: Vectors
    captions: Vectors
    sayings: Vectors
    owners: list[str]

    @classmethod
    def open(cls, file: Path, maker: str = "fit-cues") -> "CueBank":
        """Raises: FileNotFoundError if there is none, ValueError; both name the `maker`."""
        check_cues(file, maker)
        with np.load(file) as saved:
            return cls(
                files=saved["files"].tolist(),
                clips=saved["clips"].astype(np.float32),
                told=saved["told"].astype(np.float32),
                captions=saved["captions"].astype(np.float32),
                sayings=saved["sayings"].astype(np.float32),
                owners=saved["owners"].tolist(),
            )

    def save(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            file,
            files=np.array(self.files),
            clips=self.clips.astype(np.float16),
            told=self.told.astype(np.float16),
            captions=self.captions.astype(np.float16),
            sayings=self.sayings.astype(np.float16),
            owners=np.array(self.owners),
        )

    @property
    def width(self) -> int:
        """Numbers of a cue."""
        return int(self.clips.shape[-1])

    def rows(self, clips: Sequence[Clip]) -> list[int]:
        """Where the cues of some clips are. Raises: ValueError if one has none."""
        numbers = {file: number for number, file in enumerate(self.files)}
        if missing := [clip.file.name for clip in clips if name_of(clip) not in numbers]:
            raise ValueError(
                f"wanted cues of every clip, found none of {len(missing)}, the first {missing[0]}: "
                f"make them again with `fit-cues`, or for the full model with `clap-cues`"
            )
        return [numbers[name_of(clip)] for clip in clips]

    def of(self, files: dict[str, str]) -> "CueBank":
        """Keep the clips of some files only, under other names: {old: new}."""
        rows = [number for number, file in enumerate(self.files) if file in files]
        names = [files[self.files[row]] for row in rows]
        return replace(self, files=names, clips=self.clips[rows], told=self.told[rows])


@dataclass(frozen=True)
class SoundCorpus:
    """Clips by kind, with cues.

    Attributes:
        around: noises and rooms; None for recipes that have neither.
        kinds: what there is; some cannot be told apart.
        files: of each clip in `store`.
        clips: for each kind, the numbers of its clips.
        examples: likewise, those that may ask for others of their kind.
        audio: (N, P, width) cues of parts of each clip; `retrieved`, likewise, the captions of
            the bank that lie nearest to these; `told` (N, width) those of the clips' captions;
            `labels`, for each kind, cues of its sayings; where it has none, what each clip is
            told as says it.
    """

    store: AudioStore
    around: Surroundings | None
    kinds: Sequence[Kind]
    files: list[Path]
    clips: list[list[int]]
    examples: list[list[int]]
    audio: Vectors
    retrieved: Vectors
    told: Vectors
    labels: list[Vectors]

    def among(self, clips: set[int]) -> "SoundCorpus":
        """The same, with some of the clips only; kinds that have none left stay empty."""
        kept = [[clip for clip in its if clip in clips] for its in self.clips]
        return replace(self, clips=kept)


def open_sound_corpus(
    folder: Path,
    cache: Path,
    cues: Path | None = None,
    kinds: Kinds | None = None,
    rate: int = RATE,
) -> tuple[SoundCorpus, SoundCorpus]:
    """Open what is trained on and what checkpoints are chosen on; decodes the first time.

    `rate` is that of the mixtures, in Hz.
    """
    kinds = kinds or Kinds.open()
    bank = CueBank.open(cues or folder / CUES)
    known, noises = training_sounds(read_clips(folder / "sounds"), kinds)
    bank.rows(known)  # says so before anything is decoded if one has no cues
    around = Surroundings(
        AudioStore.open(noises or known, rate, cache),
        AudioStore.open(read_clips(folder / "rir"), rate, cache),
    )
    its = [kind for clip in known if (kind := _kind(kinds, clip)) is not None]
    return divided(known, its, kinds.kinds, bank, AudioStore.open(known, rate, cache), around)


def divided(
    clips: Sequence[Clip],
    its: Sequence[Kind],
    kinds: Sequence[Kind],
    bank: CueBank,
    store: AudioStore,
    around: Surroundings | None,
) -> tuple[SoundCorpus, SoundCorpus]:
    """Clips, each with its kind, as what is trained on and what checkpoints are chosen on."""
    rows, owners = bank.rows(clips), np.array(bank.owners)
    by_kind: dict[Kind, list[int]] = defaultdict(list)
    for number, kind in enumerate(its):
        by_kind[kind].append(number)
    members = [by_kind[kind] for kind in kinds]
    held_out = {number for number, clip in enumerate(clips) if is_held_out(clip)}
    audio = bank.clips[rows]
    corpus = SoundCorpus(
        store=store,
        around=around,
        kinds=kinds,
        files=[clip.file for clip in clips],
        clips=members,
        examples=[[n for n in its if n not in held_out] or its for its in members],
        audio=audio,
        retrieved=nearest(audio, bank.captions),
        told=bank.told[rows],
        labels=[bank.sayings[owners == kind.name] for kind in kinds],
    )
    return corpus.among(set(range(len(clips))) - held_out), corpus.among(held_out)


def usable(clips: Sequence[Clip]) -> list[Clip]:
    """The clips that may be trained on, whatever they are."""
    return [clip for clip in clips if clip.split == "train" and clip.seconds >= SHORTEST_S]


def training_sounds(clips: list[Clip], kinds: Kinds) -> tuple[list[Clip], list[Clip]]:
    """The clips that may be trained on: those of known kinds, and noises."""
    its = usable(clips)
    known = [clip for clip in its if _kind(kinds, clip) is not None]
    return known, [clip for clip in its if _kind(kinds, clip) is None]


def name_of(clip: Clip) -> str:
    """How a file of cues calls a clip: its folder and its file."""
    return "/".join(clip.file.parts[-2:])


def nearest(cues: Vectors, captions: Vectors) -> Vectors:
    """Replace each cue, (..., width), by the caption that it lies nearest to."""
    flat = cues.reshape(-1, cues.shape[-1])
    parts = [captions[(part @ captions.T).argmax(1)] for part in np.array_split(flat, 64)]
    found: Vectors = np.concatenate(parts).reshape(cues.shape)
    return found


def _kind(kinds: Kinds, clip: Clip) -> Kind | None:
    return kinds.find(clip.name, clip.caption)


def is_held_out(clip: Clip) -> bool:
    """Whether a clip is not learned from."""
    return int(hashlib.sha256(name_of(clip).encode()).hexdigest(), 16) % HELD_OUT == 0
