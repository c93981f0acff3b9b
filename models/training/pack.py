"""Gather what training needs into one small folder, to carry it to another machine.

Speech is copied as it is; sounds are cut short and written as 16 kHz Opus, rooms as 16 kHz
FLAC, the speaker encoder as fp16. The folder is then laid out as a corpus is, and a trainer
needs nothing beside it.
"""

import json
import logging
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
from safetensors.torch import save_file

from ..speaker import SpeakerEncoder
from .corpus import RATE, open_corpus, training_noises, training_voices
from .data import Clip, read_clips
from .store import load

log = logging.getLogger(__name__)

MIB = 1 << 20
SOUND_S = 4.0  # of a sound are enough
ROOMS_SHARE = 0.04  # of the limit; the encoder takes what it needs, speech and sounds the rest
SPEECH_SHARE = 0.8  # of that rest
CUES_SHARE = 0.22  # of the limit, where embeddings are added


def pack(
    data: Path,
    out: Path,
    encoder: SpeakerEncoder,
    limit: int,
    voices: Sequence[Clip] | None = None,
) -> int:
    """Write a corpus of at most `limit` bytes; returns its size.

    Every voice and every kind of sound comes in before any comes in twice.

    Args:
        voices: the speech, the first first; None: all that may be trained on.
    Raises: FileExistsError if `out` holds something, ValueError if the limit is too small.
    """
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"wanted an empty folder for the pack, found files in {out}")
    out.mkdir(parents=True, exist_ok=True)
    weights = {name: part.half().contiguous() for name, part in encoder.state_dict().items()}
    save_file(weights, out / "speaker.safetensors")
    rooms = add_clips(out / "rir", read_clips(data / "rir"), int(limit * ROOMS_SHARE), _write_room)
    left = limit - rooms - (out / "speaker.safetensors").stat().st_size
    if voices is None:
        voices = in_turns(training_voices(read_clips(data / "speech")))
    speech = add_clips(out / "speech", voices, int(left * SPEECH_SHARE), _copy)
    noises = in_turns(training_noises(read_clips(data / "sounds")))
    add_clips(out / "sounds", noises, left - speech, _write_sound)
    return folder_size(out)


def add_cues(out: Path, encoder: SpeakerEncoder) -> None:
    """Embed the enrolments of a pack, where there is time, and leave the result in it."""
    open_corpus(out, encoder, out / "cues")
    for decoded in (out / "cues").glob("*.i16"):
        decoded.unlink()
        decoded.with_suffix(".npy").unlink()


def _name(clip: Clip) -> str:
    return clip.name


def folder_size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def in_turns(clips: Sequence[Clip], kind: Callable[[Clip], Any] = _name) -> list[Clip]:
    """Order clips so that every kind has its first one before any has its second."""
    seen: dict[Any, int] = {}
    turns = []
    for clip in clips:
        turns.append(seen.get(kind(clip), 0))
        seen[kind(clip)] = turns[-1] + 1
    return [clips[i] for i in np.argsort(turns, kind="stable")]


def add_clips(folder: Path, clips: Iterable[Clip], limit: int, write: Any) -> int:
    """Write clips and their manifest until the limit; returns the bytes taken."""
    folder.mkdir()
    lines, taken = [], 0
    for number, clip in enumerate(clips):
        file = write(clip, folder / f"{number:05d}")
        row = {"file": file.name, "seconds": sf.info(file).duration, "split": clip.split}
        row |= {"speaker": clip.name, "source": clip.source, "caption": clip.caption}
        lines.append(json.dumps(row))
        taken += file.stat().st_size + len(lines[-1]) + 1
        if taken > limit:
            file.unlink()
            lines.pop()
            break
    if not lines:
        raise ValueError(f"wanted room for {folder.name}, found a limit of {limit} bytes")
    (folder / "manifest.jsonl").write_text("\n".join(lines) + "\n")
    log.info("%s: %d files, %.1f MiB", folder.name, len(lines), folder_size(folder) / MIB)
    return folder_size(folder)


def _copy(clip: Clip, stem: Path) -> Path:
    return Path(shutil.copyfile(clip.file, stem.with_suffix(clip.file.suffix)))


def _write_sound(clip: Clip, stem: Path) -> Path:
    file = stem.with_suffix(".ogg")
    samples = load(clip.file, RATE)[: int(SOUND_S * RATE)]
    sf.write(file, samples, RATE, format="OGG", subtype="OPUS", compression_level=0.9)
    return file


def _write_room(clip: Clip, stem: Path) -> Path:
    file = stem.with_suffix(".flac")
    sf.write(file, load(clip.file, RATE), RATE, subtype="PCM_16")
    return file
