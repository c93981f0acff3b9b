"""A moment of a recording, heard again while it goes on.

`play` runs on a thread of its own, `_asked` on the device's callback.
"""

from pathlib import Path
from threading import Event

import numpy as np
import soundfile

from tap_live.devices import choose
from tap_live.errors import AudioError
from tap_live.portaudio import Backend, Frames, portaudio
from tap_live.processor import Audio
from tap_live.recorder import MIXTURE

BEFORE_S, LONGEST_S = 0.3, 30.0
BLOCK_MS = 20
_PATIENCE_S = 2.0  # beyond the length, for a device that never calls


def read_moment(folder: Path, start: float, stop: float) -> tuple[Audio, int]:
    """Read seconds of a recording that may still grow: (T,), and the rate.

    Raises: AudioError if that is not on disk yet, or was not recorded.
    """
    path = folder / MIXTURE
    first, last = max(0.0, start - BEFORE_S), min(stop + BEFORE_S, start + LONGEST_S)
    try:
        with soundfile.SoundFile(path) as file:
            rate = int(file.samplerate)
            if first * rate >= file.frames:
                raise AudioError("that moment is not on the disk yet: try again in a second")
            file.seek(round(first * rate))
            audio = file.read(round((last - first) * rate), dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioError(f"cannot read {path}: {error}") from error
    return np.asarray(audio.mean(axis=1), np.float32), rate


def play(audio: Audio, rate: int, device: str | None, backend: Backend | None = None) -> None:
    """Play (T,) to its end. Raises: DeviceError, RuntimeMissingError."""
    backend = backend or portaudio()
    chosen = choose(backend.devices(), device, "output")
    position, done = 0, Event()

    def asked(frames: Frames) -> None:
        nonlocal position
        block = audio[position : position + len(frames)]
        frames[:] = 0
        frames[: len(block)] = block[:, None]
        position += len(frames)
        if position >= len(audio):
            done.set()

    stream = backend.open_output(chosen, rate, rate * BLOCK_MS // 1000, asked)
    try:
        done.wait(len(audio) / rate + _PATIENCE_S)
    finally:
        stream.close()
