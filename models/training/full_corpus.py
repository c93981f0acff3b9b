"""What the full model is trained on: any sounds that have captions or labels, or neither.

folder/sounds   clips, in any layout that data.py reads

Clips are of a kind of sounds.txt where their label names one; else their label is a kind of its
own, else their caption is, else each is one. Two are set against each other unless their kinds
cannot be told apart, or they are one file. A kind of sounds.txt is said in its ways, any other
clip as its caption or label, and one that has neither as the caption that its sound retrieves.
"""

import logging
from pathlib import Path

from ..clapsep import RATE
from .data import Clip, read_clips
from .labels import Kind, Kinds
from .sounds import CueBank, SoundCorpus, divided, name_of, usable
from .store import AudioStore

log = logging.getLogger(__name__)


def open_full_corpus(
    folder: Path, cache: Path, bank: CueBank, kinds: Kinds | None = None
) -> tuple[SoundCorpus, SoundCorpus]:
    """Open what is trained on and what checkpoints are chosen on; decodes the first time.

    Clips outside sounds.txt that have no cues are left out: `fit-cues` makes none of them,
    `clap-cues` does. There are neither noises nor rooms.
    """
    kinds, cued = kinds or Kinds.open(), set(bank.files)
    table = set(kinds.kinds)
    found = usable(read_clips(folder / "sounds"))
    clips = [clip for clip in found if _of_table(clip, kinds) or name_of(clip) in cued]
    if len(clips) < len(found):
        log.info("%d clips without cues are left out", len(found) - len(clips))
    its = [kind_of(clip, kinds) for clip in clips]
    others = dict.fromkeys(kind for kind in its if kind not in table)
    bank.rows(clips)  # says so before anything is decoded if one has no cues
    store = AudioStore.open(clips, RATE, cache)
    corpora = divided(clips, its, [*kinds.kinds, *others], bank, store, None)
    for number, clip in enumerate(clips):
        if not (clip.caption or _label(clip)):
            corpora[0].told[number] = corpora[0].retrieved[number, 0]  # one array serves both
    return corpora


def kind_of(clip: Clip, kinds: Kinds) -> Kind:
    """The kind of a clip: of the table, or its own."""
    name = _label(clip) or clip.caption or name_of(clip)
    return _of_table(clip, kinds) or Kind((name,), (), (name,))


def _of_table(clip: Clip, kinds: Kinds) -> Kind | None:
    return kinds.find(clip.name, clip.caption) or kinds.find(clip.name.lower(), clip.caption)


def _label(clip: Clip) -> str:
    """Its label; data.py names a clip that has none by its file."""
    return "" if clip.name == clip.file.stem else clip.name
