"""The speech in a recording, as the speaker encoder wants it: no silence, one level."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tap_live.captions.vad import WINDOW as VAD_WINDOW
from tap_live.captions.vad import Probabilities
from tap_live.processor import Audio
from tap_live.voices.encoder import WINDOW
from tap_live.voices.features import HOP, Mel, mel_frames

LEVEL_DBFS = -28.0  # RMS of speech that the encoder knows best
WINDOW_STEP = 40  # frames from one window of a recording to the next
_SPEECH = 0.4  # probability
_AROUND = 2  # windows of the detector kept around speech, 64 ms


@dataclass(frozen=True)
class Speech:
    """What of a recording is speech."""

    mel: Mel  # (S, 40) of the speech alone, brought to LEVEL_DBFS
    rms: float  # of the speech as it was, full scale at 1
    speaking: NDArray[np.bool_]  # (F,) for every 10 ms of the recording

    @property
    def seconds(self) -> float:
        return len(self.mel) / 100

    def windows(self, step: int = WINDOW_STEP) -> NDArray[np.float32]:
        """Cut into (N, 160, 40) windows; N is 0 when there is less than one."""
        if len(self.mel) < WINDOW:
            return np.zeros((0, *(WINDOW, self.mel.shape[1])), np.float32)
        views = np.lib.stride_tricks.sliding_window_view(self.mel, WINDOW, axis=0)[::step]
        return np.ascontiguousarray(views.transpose(0, 2, 1))  # (N, 160, 40)


def find_speech(audio: Audio, probabilities: Probabilities) -> Speech:
    """Keep what is speech of (T,) audio at 16 kHz, by the detector's probabilities for it."""
    mel = mel_frames(audio)
    speaking = _speaking(probabilities, len(mel))
    power = np.square(np.pad(audio, (0, HOP)), dtype=np.float64)[: len(mel) * HOP]
    energy = power.reshape(len(mel), HOP).mean(axis=1)
    rms = float(np.sqrt(energy[speaking].mean())) if speaking.any() else 0.0
    gain = 10 ** (LEVEL_DBFS / 20) / max(rms, 1e-6)
    return Speech(mel[speaking] * np.float32(gain**2), rms, speaking)


def _speaking(probabilities: Probabilities, frames: int) -> NDArray[np.bool_]:
    if not len(probabilities):
        return np.zeros(frames, bool)
    speech = (probabilities > _SPEECH).astype(np.float32)
    near = np.convolve(speech, np.ones(2 * _AROUND + 1), "full")[_AROUND : _AROUND + len(speech)]
    windows = np.arange(frames) * HOP // VAD_WINDOW
    return np.asarray(near[np.minimum(windows, len(near) - 1)] > 0.5)
