"""Voices to train on: their clips, in several guises, and embeddings of enrolment pieces.

A clip played faster or slower is another voice: its pitch and formants move; so it is if its
formants alone move. Each of these voices has embeddings of its own, two for every piece: as it
is, and as a poor enrolment (a room, noise, a narrow band, another level).
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ..speaker import SpeakerEncoder
from .augment import (
    Audio,
    at_level,
    change_speed,
    change_tract,
    fit,
    random_channel,
    random_room,
    reverberate,
)
from .store import AudioStore
from .whole import written_whole

log = logging.getLogger(__name__)


class Guise(NamedTuple):
    """What makes another voice of a clip: how fast it is played, then where its formants go."""

    speed: float
    tract: float = 1.0


GUISES = (
    Guise(0.84), Guise(0.92), Guise(1.0), Guise(1.08), Guise(1.17),
    Guise(0.92, 1.13), Guise(1.0, 0.89), Guise(1.0, 1.12), Guise(1.08, 0.88),
)  # fmt: skip
OWN = GUISES.index(Guise(1.0))
VARIANTS = 2  # as it is, and poor
PIECES_PER_SPEAKER = 4
PIECE_S = 4


@dataclass(frozen=True)
class Piece:
    """A part of a clip that serves as an enrolment; positions are samples of the clip."""

    clip: int
    start: int
    stop: int


@dataclass(frozen=True)
class Surroundings:
    """What voices are put into: noises and room responses, by clip."""

    noises: AudioStore
    rooms: AudioStore

    def noise(self, rng: np.random.Generator, length: int) -> Audio:
        """A random part of a random noise, repeated where it is too short."""
        clip = int(rng.integers(len(self.noises)))
        whole = self.noises.length(clip)
        start = int(rng.integers(max(1, whole - length)))
        audio = self.noises.read(clip, start, start + length)
        return fit(np.tile(audio, -(-length // max(1, len(audio)))), length)

    def room(self, rng: np.random.Generator) -> Audio:
        """A random room, its reverberation varied half of the time."""
        clip = int(rng.integers(len(self.rooms)))
        response = self.rooms.read(clip, 0, self.rooms.length(clip))
        return random_room(rng, response, self.rooms.rate)


class Voices:
    """Draw speech of a speaker and an enrolment that does not overlap it.

    Attributes:
        speakers: names, in order.
        cues: for each speaker, (pieces, guises, variants, 256) embeddings.
    """

    def __init__(
        self,
        store: AudioStore,
        speakers: dict[str, list[int]],
        pieces: dict[str, list[Piece]],
        cues: dict[str, NDArray[np.float32]],
    ) -> None:
        self.speakers = [name for name in speakers if pieces[name]]
        self.cues = [cues[name] for name in self.speakers]
        self._store = store
        self._clips = [speakers[name] for name in self.speakers]
        self._pieces = [pieces[name] for name in self.speakers]

    @property
    def centroids(self) -> NDArray[np.float32]:
        """(speakers, guises, 256) mean embeddings, as unit vectors."""
        means = np.stack([cue[:, :, 0].mean(axis=0) for cue in self.cues])
        unit: NDArray[np.float32] = means / np.linalg.norm(means, axis=-1, keepdims=True)
        return unit

    def cue(self, rng: np.random.Generator, speaker: int, guise: int) -> NDArray[np.float32]:
        """An embedding of a random piece, without speech."""
        cues = self.cues[speaker]
        cue: NDArray[np.float32] = cues[rng.integers(len(cues)), guise, rng.integers(VARIANTS)]
        return cue

    def clips(self, speaker: int) -> list[int]:
        """The numbers of a speaker's clips in the store."""
        return self._clips[speaker]

    def cue_beside(
        self, rng: np.random.Generator, speaker: int, guise: int, part: Piece
    ) -> NDArray[np.float32] | None:
        """An embedding of a piece that does not overlap a part of a clip; None if there is none."""
        apart = [
            number
            for number, piece in enumerate(self._pieces[speaker])
            if piece.clip != part.clip or piece.stop <= part.start or part.stop <= piece.start
        ]
        if not apart:
            return None
        number = apart[rng.integers(len(apart))]
        cue: NDArray[np.float32] = self.cues[speaker][number, guise, rng.integers(VARIANTS)]
        return cue

    def enrolment(self, cue: NDArray[np.float32]) -> Audio:
        """The speech that an embedding was made of. Raises: KeyError if it is none of these."""
        speaker, number, guise = self._made_of[cue.tobytes()]
        return whole_in(GUISES[guise], self.read(self._pieces[speaker][number]), self._store.rate)

    @cached_property
    def _made_of(self) -> dict[bytes, tuple[int, int, int]]:
        """Speaker, piece and guise of every embedding: no two are alike."""
        return {
            cue.tobytes(): (speaker, number, guise)
            for speaker, cues in enumerate(self.cues)
            for number, guise, variant in np.ndindex(cues.shape[:3])
            for cue in [cues[number, guise, variant]]
        }

    def read(self, part: Piece) -> Audio:
        """The samples of a part of a clip."""
        return self._store.read(part.clip, part.start, part.stop)

    def draw(
        self, rng: np.random.Generator, speaker: int, guise: int, length: int
    ) -> tuple[Audio, NDArray[np.float32]]:
        """Draw `length` samples of speech, and an embedding of another part of the voice."""
        number = int(rng.integers(len(self._pieces[speaker])))
        piece = self._pieces[speaker][number]
        needed = int(np.ceil(length * GUISES[guise].speed)) + 1
        audio = self._speech(rng, speaker, piece, needed)
        cue = self.cues[speaker][number, guise, rng.integers(VARIANTS)]
        return in_guise(GUISES[guise], audio, length, self._store.rate), cue

    def _speech(self, rng: np.random.Generator, speaker: int, piece: Piece, needed: int) -> Audio:
        others = [clip for clip in self._clips[speaker] if clip != piece.clip]
        if not others:
            return self._beside(rng, piece, needed)
        parts: list[Audio] = []
        while sum(map(len, parts)) < needed:
            clip = others[rng.integers(len(others))]
            spare = self._store.length(clip) - needed
            start = int(rng.integers(spare)) if spare > 0 else 0
            parts.append(self._store.read(clip, start, start + needed))
        return np.concatenate(parts)[:needed]

    def _beside(self, rng: np.random.Generator, piece: Piece, needed: int) -> Audio:
        gaps = [(0, piece.start), (piece.stop, self._store.length(piece.clip))]
        fitting = [gap for gap in gaps if gap[1] - gap[0] >= needed]
        start, stop = (
            fitting[rng.integers(len(fitting))] if fitting else max(gaps, key=lambda g: g[1] - g[0])
        )
        start += int(rng.integers(max(1, stop - start - needed + 1)))
        return self._store.read(piece.clip, start, min(stop, start + needed))


def in_guise(guise: Guise, audio: Audio, length: int, rate: int) -> Audio:
    """Make another voice of speech, of exactly `length` samples."""
    return change_tract(change_speed(audio, guise.speed, length), guise.tract, rate)


def whole_in(guise: Guise, audio: Audio, rate: int) -> Audio:
    """Make another voice of speech, all of it."""
    return in_guise(guise, audio, int(len(audio) / guise.speed), rate)


def cut_pieces(store: AudioStore, clips: Sequence[int], seed: int = 0) -> list[Piece]:
    """Choose enrolment pieces of 2 to 4 s so that at least 3 s of the voice stay beside each."""
    rate, size = store.rate, PIECE_S * store.rate
    lengths = {clip: store.length(clip) for clip in clips}
    total = sum(lengths.values())
    pieces = []
    for clip, length in lengths.items():
        if length < 7 * rate:
            if length >= 2 * rate and total - length >= 3 * rate:
                pieces.append(Piece(clip, 0, min(length, size)))
            continue
        for start in range(0, length - size + 1, size):
            if max(start, length - start - size, total - length) >= 3 * rate:
                pieces.append(Piece(clip, start, start + size))
    order = np.random.default_rng(seed).permutation(len(pieces))[:PIECES_PER_SPEAKER]
    return [pieces[i] for i in sorted(order)]


class CueMaker:
    """Embed the pieces of every speaker in every guise, once.

    What was made is looked for in all `folders` and written to the first.
    """

    def __init__(
        self, encoder: SpeakerEncoder, around: Surroundings, folders: Sequence[Path]
    ) -> None:
        self._encoder = encoder
        self._around = around
        self._folders = folders

    def cues(
        self, store: AudioStore, pieces: dict[str, list[Piece]]
    ) -> dict[str, NDArray[np.float32]]:
        """Embeddings of each speaker's pieces: (pieces, guises, variants, 256)."""
        key = hashlib.sha256(repr((sorted(pieces.items()), GUISES)).encode()).hexdigest()[:16]
        files = [folder / f"cues-{key}.npz" for folder in self._folders]
        file = next((file for file in files if file.exists()), files[0])
        if not file.exists():
            self._make(store, pieces, file)
        with np.load(file) as saved:
            return {name: saved[name].astype(np.float32) for name in saved.files}

    def _make(self, store: AudioStore, pieces: dict[str, list[Piece]], file: Path) -> None:
        made: dict[str, Any] = {}
        for name, its in pieces.items():
            if its:
                made[name] = self._embed_speaker(store, name, its).astype(np.float16)
                log.info("embedded %d of %d voices", len(made), len(pieces))
        with written_whole(file) as part:
            np.savez(part, **made)

    def _embed_speaker(
        self, store: AudioStore, name: str, pieces: list[Piece]
    ) -> NDArray[np.float32]:
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")
        rng = np.random.default_rng(seed)
        device = self._encoder.filters.device
        windows, owners = [], []
        for number, piece in enumerate(pieces):
            whole = store.read(piece.clip, piece.start, piece.stop)
            for column, guise in enumerate(GUISES):
                audio = whole_in(guise, whole, store.rate)
                for variant in range(VARIANTS):
                    heard = self._poor(rng, audio, store.rate) if variant else audio
                    # Half of the overlapping windows are enough here.
                    window = self._encoder.windows(torch.from_numpy(heard).to(device))[::2]
                    windows.append(window)
                    slot = (number * len(GUISES) + column) * VARIANTS + variant
                    owners += [slot] * len(window)
        with torch.no_grad():
            parts = torch.split(torch.cat(windows), 16 if device.type == "cpu" else 1024)
            vectors = torch.cat([self._encoder(part) for part in parts]).cpu()
        sums = torch.zeros(len(pieces) * len(GUISES) * VARIANTS, vectors.shape[1])
        sums.index_add_(0, torch.tensor(owners), vectors)
        unit = torch.nn.functional.normalize(sums, dim=-1)
        return unit.view(len(pieces), len(GUISES), VARIANTS, -1).numpy()

    def _poor(self, rng: np.random.Generator, audio: Audio, rate: int) -> Audio:
        if rng.random() < 0.5:
            audio = reverberate(audio, self._around.room(rng))
        audio = at_level(audio, -26.0)
        if rng.random() < 0.6:
            noise = at_level(self._around.noise(rng, len(audio)), -26.0 - rng.uniform(5, 25))
            audio = audio + noise
        if rng.random() < 0.6:
            audio = random_channel(rng, audio, rate)
        return at_level(audio, rng.uniform(-35, -18))
