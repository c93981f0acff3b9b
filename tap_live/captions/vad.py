"""Where somebody speaks: Silero's voice activity detector, and speech cut into regions.

vad = Vad.open()
segmenter = Segmenter()
edges = segmenter.push(vad.push(block))
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tap_live.bundle import open_bundle
from tap_live.errors import ConfigError
from tap_live.processor import Audio
from tap_live.runtime import Engine, State

RATE = 16_000
WINDOW = 512  # samples, 32 ms
CONTEXT = 64  # samples of the window before, which the network also sees

Probabilities: TypeAlias = NDArray[np.float32]
"""(N,) that somebody speaks; entry n describes samples n WINDOW to (n + 1) WINDOW."""

EdgeKind = Literal["start", "pause", "resume", "end"]

BUNDLE = Path(__file__).parents[1] / "bundles" / "vad"


class Vad:
    """Say for every 32 ms of a 16 kHz stream how likely somebody speaks in it.

    `flush` fills the last window with silence.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.lookahead = WINDOW
        self._waiting: Audio
        self._state: State
        self._restart()

    @classmethod
    def open(cls, folder: Path = BUNDLE) -> "Vad":
        """Load the bundle. Raises: BundleError, RuntimeMissingError."""
        return cls(Engine(open_bundle(folder, "vad"), "windows"))

    def push(self, block: Audio) -> Probabilities:
        self._waiting = np.concatenate([self._waiting, block])
        count = (len(self._waiting) - CONTEXT) // WINDOW
        if count == 0:
            return np.zeros(0, np.float32)
        views = np.lib.stride_tricks.sliding_window_view(self._waiting, CONTEXT + WINDOW)
        windows = np.ascontiguousarray(views[: count * WINDOW : WINDOW])  # (count, 576)
        outputs, self._state = self._engine.step({"input": windows}, self._state)
        self._waiting = self._waiting[count * WINDOW :]
        return np.asarray(outputs["speech_probs"], np.float32)

    def flush(self) -> Probabilities:
        missing = -(len(self._waiting) - CONTEXT) % WINDOW
        rest = self.push(np.zeros(missing, np.float32))
        self._restart()
        return rest

    def _restart(self) -> None:
        self._waiting = np.zeros(CONTEXT, np.float32)  # as if silence went before
        self._state = self._engine.initial_state()


@dataclass(frozen=True, kw_only=True)
class SegmenterConfig:
    """When speech begins, pauses and ends; lengths in seconds."""

    on: float = 0.5  # probability at which speech begins
    off: float = 0.35  # and below which it stops
    speech: float = 0.1  # shorter sounds are none
    pause: float = 0.25  # silence after which a pause is announced
    endpoint: float = 0.8  # silence that ends a region
    before: float = 0.25  # kept before speech; after it, as much as a pause

    def __post_init__(self) -> None:
        if not 0 < self.off <= self.on < 1:
            raise ConfigError(f"speech thresholds off={self.off} and on={self.on}: want off <= on")
        if not 0 < self.pause <= self.endpoint:
            raise ConfigError(f"pause={self.pause} must be at most endpoint={self.endpoint}")
        if min(self.speech, self.before) < 0:
            raise ConfigError(f"speech={self.speech} and before={self.before} cannot be negative")


@dataclass(frozen=True)
class Edge:
    """Something changed at `position`, and was noticed at `noticed`.

    A region is `start`, any number of `pause` and `resume`, then `end`. Its positions
    include the audio that is kept around speech, so that of a `pause` is the region's
    `end` if no `resume` follows.
    """

    kind: EdgeKind
    position: int
    noticed: int
    speaker: str | None = None  # who speaks from here on; only a gate knows
    confidence: float | None = None


class Segmenter:
    """Cut a stream into regions of speech, with hysteresis; regions never overlap."""

    def __init__(self, config: SegmenterConfig | None = None) -> None:
        config = config or SegmenterConfig()
        self._on, self._off = config.on, config.off
        self._min_speech = _windows(config.speech)
        self._pause, self._endpoint = _windows(config.pause), _windows(config.endpoint)
        self._before = round(config.before * RATE)
        self._restart()

    def push(self, probabilities: Probabilities) -> list[Edge]:
        """Take the next windows and return the edges noticed in them."""
        return [edge for p in probabilities.tolist() for edge in self._step(p)]

    def flush(self) -> list[Edge]:
        """End the region that is open, if any; afterwards as new."""
        edges = [self._end()] if self._open else []
        self._restart()
        return edges

    def _restart(self) -> None:
        self._position = 0  # after the last window
        self._free = 0  # no region may begin earlier
        self._open = self._paused = False
        self._run = self._silence = 0  # windows of speech, of silence, on end

    def _step(self, p: float) -> list[Edge]:
        self._position += WINDOW
        if not self._open:
            return self._listen(p)
        if p >= self._off:
            self._silence = 0
            return self._resume() if self._paused and p >= self._on else []
        self._silence += 1
        if self._silence == self._pause:
            self._paused = True
            return [self._edge("pause", self._position)]
        return [self._end()] if self._silence >= self._endpoint else []

    def _listen(self, p: float) -> list[Edge]:
        self._run = self._run + 1 if p >= (self._off if self._run else self._on) else 0
        if self._run < max(1, self._min_speech):
            return []
        begin = self._position - self._run * WINDOW
        self._open, self._run, self._silence = True, 0, 0
        return [self._edge("start", max(self._free, begin - self._before))]

    def _resume(self) -> list[Edge]:
        self._paused = False
        return [self._edge("resume", self._position - WINDOW)]

    def _end(self) -> Edge:
        last = self._position - self._silence * WINDOW
        self._free = min(last + self._pause * WINDOW, self._position)
        self._open = self._paused = False
        return self._edge("end", self._free)

    def _edge(self, kind: EdgeKind, position: int) -> Edge:
        return Edge(kind, position, self._position)


def _windows(seconds: float) -> int:
    return round(seconds * RATE / WINDOW)
