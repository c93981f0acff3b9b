"""The folder of trained cue encoders: what is written, and reading it again.

audio.safetensors, audio.json      the encoder of clips
text.safetensors, pieces.txt       the table of words
likes.safetensors                  what kinds are like
sound.npz                          cues of training clips and captions (sounds.py)
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..cues import NO_LIKES, AudioCueEncoder, AudioDims, Likes, TextCueTable
from .present import check_encoders
from .text_cue import Vocabulary, embed

TABLE = "text.safetensors"
LIKES = "likes.safetensors"


@dataclass(frozen=True)
class CueEncoders:
    """Words and clips to cues."""

    audio: AudioCueEncoder
    table: TextCueTable
    vocabulary: Vocabulary
    likes: Likes = NO_LIKES

    @classmethod
    def open(cls, folder: Path) -> "CueEncoders":
        return cls(open_audio(folder), *open_table(folder), open_likes(folder))

    def of_text(self, text: str) -> Tensor:
        """(width,) cue of some words."""
        return self.of_texts([text])[0]

    def of_texts(self, texts: Sequence[str]) -> Tensor:
        """(N, width) cues of texts."""
        return self.likes.move(embed(self.table, self.vocabulary, texts))

    @torch.no_grad()
    def of_clip(self, audio: Tensor) -> Tensor:
        """(T,) audio at 32 kHz -> (width,) cue, moved as words are."""
        return self.likes.move(self.audio.embed(self.audio.mel(audio))[None])[0]


def open_audio(folder: Path) -> AudioCueEncoder:
    check_encoders(folder)
    dims = json.loads((folder / "audio.json").read_text())["dims"]
    audio = AudioCueEncoder(AudioDims(**{**dims, "channels": tuple(dims["channels"])}))
    audio.load_state_dict(_floats(folder / "audio.safetensors"))
    return audio.eval()


def save_audio(folder: Path, audio: AudioCueEncoder, about: dict[str, Any]) -> None:
    """Write the encoder; what is told about it goes beside its dims."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(audio.state_dict(), folder / "audio.safetensors")
    told = {"dims": asdict(audio.dims), **about}
    (folder / "audio.json").write_text(json.dumps(told, indent=1) + "\n")


def open_table(folder: Path) -> tuple[TextCueTable, Vocabulary]:
    pieces = (folder / "pieces.txt").read_text().splitlines()
    table = TextCueTable(len(pieces))
    table.load_state_dict(_floats(folder / TABLE))
    return table.eval(), Vocabulary(tuple(pieces), ())


def save_table(folder: Path, table: TextCueTable, vocabulary: Vocabulary) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pieces.txt").write_text("\n".join(vocabulary.pieces) + "\n")
    save_file(table.state_dict(), folder / TABLE)


def open_likes(folder: Path) -> Likes:
    """Raises: ValueError if an earlier version wrote it."""
    parts = _floats(file := folder / LIKES)
    if set(parts) != set(Likes._fields):
        raise ValueError(
            f"wanted {', '.join(Likes._fields)} in {file}, found {', '.join(sorted(parts))}: "
            "make it again with `fit-cues`"
        )
    return Likes(**parts | {"kinds": parts["kinds"].long()})


def save_likes(folder: Path, likes: Likes) -> None:
    save_file({name: part.contiguous() for name, part in likes._asdict().items()},
              folder / LIKES)  # fmt: skip


def _floats(file: Path) -> dict[str, Tensor]:
    return {name: part.float() for name, part in load_file(file).items()}
