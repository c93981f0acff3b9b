"""Gather what training prompts needs into one small folder: a Whisper in 8 bits is in it too.

The Whisper is written as CTranslate2 has it, each row of a matrix with a scale of its own, as the
live engine runs it; the words of the speech lie beside the speech.
"""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tap_live.whisper.names import from_openai

from ..speaker import SpeakerEncoder
from ..ts_whisper import open_whisper
from .corpus import training_voices
from .data import read_clips
from .pack import CUES_SHARE, add_cues, folder_size, in_turns, pack
from .prompt_files import TOKENIZER, WHISPER
from .words import LABELS, Label, read_labels

_VERSION, _SPEC, _REVISION = 6, "WhisperSpec", 3  # of CTranslate2's files
_TYPES = {"f4": 0, "i1": 1, "f2": 4}


def pack_prompts(
    data: Path, labels: Path | None, whisper: Path, out: Path, encoder: SpeakerEncoder, limit: int
) -> int:
    """Write a corpus with a Whisper of at most `limit` bytes; returns its size.

    Speech whose words are known comes first, every voice before any comes in twice.

    Raises: FileExistsError if `out` holds something, ValueError if the limit is too small.
    """
    speech = data / "speech"
    words = read_labels(labels or speech / LABELS)
    clips = training_voices(read_clips(speech))
    names = [str(clip.file.relative_to(speech)) for clip in clips]
    known = in_turns([c for c, name in zip(clips, names, strict=True) if name in words])
    others = in_turns([c for c, name in zip(clips, names, strict=True) if name not in words])
    beside = out.with_name(f"{out.name}-{WHISPER}")
    size = write_int8(whisper, beside)
    if size > limit:
        raise ValueError(f"wanted a limit above the {size} bytes of Whisper, found {limit}")
    left = int((limit - size) * (1 - CUES_SHARE))
    pack(data, out, encoder, left, [*known, *others])
    beside.rename(out / WHISPER)
    written = read_clips(out / "speech")
    with (out / "speech" / LABELS).open("w", encoding="utf-8") as file:
        for clip, copy in zip(known, written, strict=False):
            label = words[str(clip.file.relative_to(speech))]
            file.write(Label(copy.file.name, label.logprob, label.words).written() + "\n")
    add_cues(out, encoder)
    return folder_size(out)


def write_int8(whisper: Path, out: Path) -> int:
    """Write a Whisper's weights and tokenizer into a CTranslate2 folder; returns its bytes."""
    out.mkdir(parents=True)
    state = {name: value.numpy() for name, value in open_whisper(whisper).state_dict().items()}
    with (out / "model.bin").open("wb") as file:
        _write(file, from_openai(state))
    (out / TOKENIZER).write_bytes((whisper / TOKENIZER).read_bytes())
    return folder_size(out)


def _write(file: BinaryIO, variables: Mapping[str, NDArray[Any]]) -> None:
    stored: dict[str, NDArray[Any]] = {}
    for name, value in variables.items():
        if name.endswith("/weight") and value.ndim == 2:
            scale = 127.0 / np.maximum(np.abs(value).max(axis=1), 1e-8)
            stored[name] = np.rint(value * scale[:, None]).astype(np.int8)
            stored[f"{name}_scale"] = scale.astype(np.float32)
        else:
            stored[name] = value.astype(np.float16)
    file.write(struct.pack("<I", _VERSION) + _text(_SPEC))
    file.write(struct.pack("<II", _REVISION, len(stored)))
    for name, value in stored.items():
        file.write(_text(name) + struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape))
        file.write(struct.pack("<BI", _TYPES[value.dtype.str[1:]], value.nbytes))
        file.write(np.ascontiguousarray(value).tobytes())
    file.write(struct.pack("<I", 0))  # no aliases


def _text(text: str) -> bytes:
    encoded = text.encode() + b"\0"
    return struct.pack("<H", len(encoded)) + encoded
