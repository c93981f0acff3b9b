"""The folder of trained cue encoders: what is written, and reading it again.

audio.safetensors, audio.json      the encoder of clips
text.safetensors, pieces.txt       the table of words
space.safetensors                  the part of MiniLM's space that both live in
sound.npz                          cues of training clips and captions (sounds.py)
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..cues import AudioCueEncoder, AudioDims, TextCueTable
from .space import Space
from .text_cue import Vocabulary, embed


@dataclass(frozen=True)
class CueEncoders:
    """Words and clips to cues."""

    audio: AudioCueEncoder
    table: TextCueTable
    vocabulary: Vocabulary

    @classmethod
    def open(cls, folder: Path) -> "CueEncoders":
        dims = json.loads((folder / "audio.json").read_text())["dims"]
        audio = AudioCueEncoder(AudioDims(**{**dims, "channels": tuple(dims["channels"])}))
        audio.load_state_dict(_floats(folder / "audio.safetensors"))
        pieces = (folder / "pieces.txt").read_text().splitlines()
        table = TextCueTable(len(pieces))
        table.load_state_dict(_floats(folder / "text.safetensors"))
        return cls(audio.eval(), table.eval(), Vocabulary(tuple(pieces), ()))

    def save(self, folder: Path, space: Space, about: dict[str, Any]) -> None:
        """Write the folder; what is told about them goes beside the audio encoder's dims."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file(self.audio.state_dict(), folder / "audio.safetensors")
        told = {"dims": asdict(self.audio.dims), **about}
        (folder / "audio.json").write_text(json.dumps(told, indent=1) + "\n")
        save_file(self.table.state_dict(), folder / "text.safetensors")
        (folder / "pieces.txt").write_text("\n".join(self.vocabulary.pieces) + "\n")
        save_file({"mean": space.mean, "axes": space.axes}, folder / "space.safetensors")

    def of_text(self, text: str) -> Tensor:
        """(width,) cue of some words."""
        return embed(self.table, self.vocabulary, [text])[0]

    @torch.no_grad()
    def of_clip(self, audio: Tensor) -> Tensor:
        """(T,) audio at 32 kHz -> (width,) cue."""
        return self.audio.embed(self.audio.mel(audio))


def _floats(file: Path) -> dict[str, Tensor]:
    return {name: part.float() for name, part in load_file(file).items()}
