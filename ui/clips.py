"""Bring a user's file where an engine on this machine takes clips from."""

import re
import shutil
from pathlib import Path

from tap_live.audio.files import AudioFile
from tap_live.errors import StorageError
from tap_live.service.clips import data_folder


def brought(path: Path, folder: Path | None = None) -> str:
    """Copy an audio file into the folder of clips; return its name there.

    Raises: AudioError if it is none; StorageError if it cannot be kept.
    """
    with AudioFile(path):
        pass  # it can be read
    clips = (folder or data_folder()) / "clips"
    name = re.sub(r"[^\w.-]+", "-", path.name).lstrip(".-") or "clip.wav"
    target = clips / name
    try:
        clips.mkdir(parents=True, exist_ok=True)
        if not (target.exists() and target.samefile(path)):
            shutil.copyfile(path, target)
    except OSError as error:
        raise StorageError(f"cannot keep {path} in {clips}: {error.strerror}") from error
    return name
