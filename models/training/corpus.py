"""All that a voice network is trained on, opened from one folder, and the course made of it.

folder/speech   voices, in any layout that data.py reads
folder/sounds   noises, likewise; left out, mixtures have none
folder/rir      room responses, likewise
folder/speaker.safetensors   the speaker encoder, where a pack brought it
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..speaker import SpeakerEncoder
from .course import Course
from .data import Clip, read_clips
from .mixing import FEWEST, Mixer, Recipe
from .store import AudioStore
from .voices import CueMaker, Surroundings, Voices, cut_pieces

RATE = 16_000  # Hz
SPEAKER_S = 480.0  # no voice gives more than this
SHORTEST_S = 1.5  # shorter prompts and digits are left out
HELD_OUT = 16  # training voices that checkpoints are chosen on
HELD_OUT_RECIPE = Recipe(
    seconds=4.0, guises=False, alone=0.0, third=0.0, absent=0.25, partial=0.0,
    near=0.25, gap_db=2.5, noise=0.0, room=0.0, channel=0.0, ramp=0,
)  # fmt: skip
VOICE_LIKE = ("speech", "sing", "scream", "voice", "choir", "laugh", "cry")  # no noises


@dataclass(frozen=True)
class Corpus:
    """Voices to train on, voices to choose checkpoints on, and what they are put into."""

    voices: Voices
    held_out: Voices
    around: Surroundings


def voice_course(corpus: Corpus, recipe: Recipe, seed: int) -> Course:
    """Mixtures of two or three voices; checkpoints are chosen on easier ones of held-out voices."""
    return Course(
        rate=RATE,
        cues=np.concatenate([cue.reshape(-1, cue.shape[-1]) for cue in corpus.voices.cues]),
        train=Mixer(corpus.voices, corpus.around, recipe, seed),
        held_out=Mixer(corpus.held_out, corpus.around, HELD_OUT_RECIPE, seed=1),
    )


def open_corpus(folder: Path, encoder: SpeakerEncoder, cache: Path) -> Corpus:
    """Open a corpus; the first time its audio is decoded and its enrolments are embedded."""
    clips = training_voices(read_clips(folder / "speech"))
    store = AudioStore.open(clips, RATE, cache)
    noises = training_noises(read_clips(folder / "sounds"))
    rooms = read_clips(folder / "rir")
    around = Surroundings(AudioStore.open(noises, RATE, cache), AudioStore.open(rooms, RATE, cache))
    speakers: dict[str, list[int]] = defaultdict(list)
    for number, clip in enumerate(clips):
        speakers[clip.name].append(number)
    pieces = {name: cut_pieces(store, its) for name, its in speakers.items()}
    brought = folder / "cues"  # a pack may have them made already
    cues = CueMaker(encoder, around, [cache, brought]).cues(store, pieces)
    usable = [name for name, its in pieces.items() if its]
    held_out = _held_out(usable, speakers)

    def among(names: Iterable[str]) -> Voices:
        return Voices(store, {name: speakers[name] for name in names}, pieces, cues)

    return Corpus(among(n for n in usable if n not in held_out), among(held_out), around)


def training_voices(clips: list[Clip]) -> list[Clip]:
    """The clips that may be trained on, at most `SPEAKER_S` seconds of each voice."""
    by_name: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        if clip.split == "train" and clip.seconds >= SHORTEST_S:
            by_name[clip.name].append(clip)
    chosen = []
    for its in by_name.values():
        seconds = 0.0
        for i in np.random.default_rng(0).permutation(len(its)):
            if seconds < SPEAKER_S:
                chosen.append(its[i])
                seconds += its[i].seconds
    return sorted(chosen, key=lambda clip: str(clip.file))


def training_noises(clips: list[Clip]) -> list[Clip]:
    """The sounds that may be trained on and are no voices."""
    return [
        clip
        for clip in clips
        if clip.split == "train"
        and clip.seconds >= 1.0
        and not any(word in clip.name for word in VOICE_LIKE)
    ]


def _held_out(names: list[str], speakers: dict[str, list[int]]) -> list[str]:
    """Some voices of one recording each, chosen by a hash of their names."""
    single = [name for name in names if len(speakers[name]) == 1] or names
    ranked = sorted(single, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    return ranked[: max(FEWEST, min(HELD_OUT, len(names) // 8))]
