"""A user's file as a clip: where an engine on this machine takes it from, or packed for another."""

import io
import re
import shutil
from pathlib import Path

import numpy as np
import soundfile

from tap_live.audio.files import AudioFile
from tap_live.errors import StorageError
from tap_live.processor import Audio
from tap_live.service.clips import data_folder

LONGEST_S = 60  # of a clip that is sent


def brought(path: Path, folder: Path | None = None) -> str:
    """Copy an audio file into the folder of clips; return its name there.

    Raises: AudioError if it is none; StorageError if it cannot be kept.
    """
    with AudioFile(path):
        pass  # it can be read
    clips = (folder or data_folder()) / "clips"
    name = _plain(path.name)
    target = clips / name
    try:
        clips.mkdir(parents=True, exist_ok=True)
        if not (target.exists() and target.samefile(path)):
            shutil.copyfile(path, target)
    except OSError as error:
        raise StorageError(f"cannot keep {path} in {clips}: {error.strerror}") from error
    return name


def packed(path: Path) -> tuple[str, bytes]:
    """Return the name of a clip, and the first minute of an audio file as FLAC.

    Raises: AudioError if it is none.
    """
    blocks: list[Audio] = []
    with AudioFile(path) as file:
        for block in file.blocks(file.rate, lambda warning: None):
            blocks.append(block)
            if len(blocks) >= LONGEST_S:
                break
        packed = io.BytesIO()
        soundfile.write(packed, np.concatenate(blocks), file.rate, format="FLAC")
    return _plain(f"{path.stem}.flac"), packed.getvalue()


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).lstrip(".-") or "clip.wav"
