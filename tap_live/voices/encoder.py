"""The speaker encoder: who speaks, as 256 numbers, from our own bundle and without torch.

encoder = SpeakerEncoder.open()
encoder.embed(audio)          a recording, as Resemblyzer embeds it
encoder.embed_windows(mel)    windows of 1.6 s
RollingWindows(encoder)       states of the last 0.2, 0.4, ... 1.6 s of a stream, every 0.2 s
"""

from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tap_live.bundle import open_bundle
from tap_live.processor import Audio, Embedding
from tap_live.runtime import Engine
from tap_live.voices.features import HOP, Mel, mel_frames

WIDTH = 256
LAYERS = 3
WINDOW = 160  # frames, 1.6 s: what the network was trained on
STEP_FRAMES = 20  # 0.2 s, of rolling windows
LENGTHS = WINDOW // STEP_FRAMES  # of rolling windows
STEP = 77  # frames from one window of a recording to the next: 1.3 a second
BATCH = 32  # windows at a time, so that memory does not grow with a recording
QUIET_DBFS = -30.0  # quieter recordings are raised to this RMS

Embeddings: TypeAlias = NDArray[np.float32]
"""(N, 256) unit vectors."""

BUNDLE = Path(__file__).parents[1] / "bundles" / "speaker"


class SpeakerEncoder:
    """Turn mel windows into unit vectors that lie close together for one voice."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, folder: Path = BUNDLE) -> "SpeakerEncoder":
        """Load the bundle. Raises: BundleError, RuntimeMissingError."""
        return cls(Engine(open_bundle(folder, "speaker"), "windows"))

    def embed(self, audio: Audio) -> Embedding:
        """Embed one recording: (T,) at 16 kHz -> (256,), the mean of its windows.

        Speech only is expected: cut long silences out before.
        """
        return unit(self.embed_windows(recording_windows(audio)).mean(axis=0))

    def embed_windows(self, mel: NDArray[np.float32]) -> Embeddings:
        """Embed windows of any one length: (N, F, 40) -> (N, 256)."""
        return self.read_windows(mel)[0]

    def read_windows(self, mel: NDArray[np.float32]) -> tuple[Embeddings, NDArray[np.float32]]:
        """Return the embeddings of windows, and the top layer's states, (N, 256) both.

        The embedding is the state seen through a linear layer and a ReLU, which lose a
        part of what tells voices apart; scoring starts from the state.
        """
        embeddings, tops = [np.zeros((0, WIDTH), np.float32)], [np.zeros((0, WIDTH), np.float32)]
        for start in range(0, len(mel), BATCH):
            part = mel[start : start + BATCH]
            embedding, hidden, _ = self.advance(part, *initial_state(len(part)))
            embeddings.append(embedding)
            tops.append(hidden[-1])
        return np.concatenate(embeddings), np.concatenate(tops)

    def advance(
        self, mel: NDArray[np.float32], hidden: NDArray[np.float32], cell: NDArray[np.float32]
    ) -> tuple[Embeddings, NDArray[np.float32], NDArray[np.float32]]:
        """Read (N, F, 40) further frames of N windows; return what they are so far, and state."""
        if not len(mel):  # ONNX Runtime's LSTM would take the process down
            return np.zeros((0, WIDTH), np.float32), hidden, cell
        outputs, _ = self._engine.step({"mel": mel, "hidden": hidden, "cell": cell}, {})
        return outputs["embedding"], outputs["hidden_out"], outputs["cell_out"]


class RollingWindows:
    """Read the latest speech at several lengths, in steps of `STEP_FRAMES`.

    A window is begun at every step and read in pieces, all windows side by side: the
    cost is that of one pass over each, and short windows come for nothing.
    """

    _hidden: NDArray[np.float32]
    _cell: NDArray[np.float32]

    def __init__(self, encoder: SpeakerEncoder) -> None:
        self._encoder = encoder
        self.restart()

    def step(self, frames: Mel) -> NDArray[np.float32]:
        """Take (20, 40) frames; row k, (256,), is the top state after the last (k + 1) 0.2 s.

        There is one row after the first step since the restart, and `LENGTHS` at most.
        """
        fresh_hidden, fresh_cell = initial_state(1)
        hidden = np.concatenate([fresh_hidden, self._hidden[:, : LENGTHS - 1]], axis=1)
        cell = np.concatenate([fresh_cell, self._cell[:, : LENGTHS - 1]], axis=1)
        mel = np.ascontiguousarray(np.broadcast_to(frames, (hidden.shape[1], *frames.shape)))
        _, self._hidden, self._cell = self._encoder.advance(mel, hidden, cell)
        return np.asarray(self._hidden[-1])

    def restart(self) -> None:
        """Forget: what comes next may be somebody else."""
        self._hidden, self._cell = initial_state(0)


def initial_state(windows: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the hidden and the cell state of windows that are about to begin."""
    shape = (LAYERS, windows, WIDTH)
    return np.zeros(shape, np.float32), np.zeros(shape, np.float32)


def recording_windows(audio: Audio) -> NDArray[np.float32]:
    """Cut (T,) audio into (N, 160, 40) mel windows, N >= 1, which overlap by half.

    A last window that is less than three quarters full is left out. Quiet audio is raised.
    """
    level = 10 * np.log10(np.mean(np.square(audio, dtype=np.float64)) + 1e-20)
    audio = audio * np.float32(10 ** (np.clip(QUIET_DBFS - level, 0.0, 80.0) / 20))
    frames = -(-(len(audio) + 1) // HOP)
    count = 1 + max(0, -(-(frames - WINDOW) // STEP))
    last = (count - 1) * STEP * HOP
    if count > 1 and (len(audio) - last) / (WINDOW * HOP) < 0.75:
        count -= 1
    needed = ((count - 1) * STEP + WINDOW) * HOP
    mel = mel_frames(np.pad(audio, (0, max(0, needed - len(audio)))))
    return np.stack([mel[k * STEP : k * STEP + WINDOW] for k in range(count)])


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale vectors along the last axis to length 1; zeros stay zeros."""
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    return np.asarray(vector / np.maximum(length, 1e-9), np.float32)
