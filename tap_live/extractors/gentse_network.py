"""The generative voice model as its bundle holds it: three graphs, and what lies between them."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tap_live.bundle import Bundle, open_bundle
from tap_live.errors import BundleError, ConfigError
from tap_live.extractors.full import full_bundle
from tap_live.extractors.gentse_frames import FLOOR, QUIETEST, Frames, MelForm, loud
from tap_live.processor import Audio, Cue
from tap_live.providers import CPU, Where
from tap_live.runtime import Backend, Engine, State
from tap_live.whisper.features import log_mel

KIND = "gentse"
NAME = "gentse"
FILTERS = "filters.npy"
GRAPHS = ("encode", "flow", "vocoder")
POSITION = 320  # samples at 16 kHz
MOST_STEPS = 20  # the flow learned no time later than the last of so many begins
LONGEST = 1500  # positions of Whisper's encoder


class GenNetwork:
    """Whisper's encoder, the flow and the vocoder.

    Attributes:
        positions: of a context, 20 ms each.
        enrolment: positions of enrolment audio that can be given.
        before, after: frames that a step of the flow reaches.
        reach: frames by which the vocoder's stream lags.
        compute_s: how long a context took when it was warmed up.
        device: where it runs.
    """

    def __init__(
        self,
        bundle: Bundle,
        threads: int = 2,
        where: Where = CPU,
        backends: Mapping[str, Backend] | None = None,
    ) -> None:
        """`backends` run instead of the bundle's graphs, to compare."""
        settings = cast(dict[str, Any], bundle.manifest.settings)
        self.name, self.folder = bundle.manifest.name, bundle.folder
        try:
            mel = settings["mel"]
            filters = np.load(bundle.path(FILTERS), allow_pickle=False)
            self.form = MelForm(int(mel["rate"]), int(mel["fft"]), int(mel["hop"]), filters)
            self.positions, self.enrolment = int(settings["positions"]), int(settings["enrolment"])
            self.before, self.after = int(settings["before"]), int(settings["after"])
            self.reach, self.steps = int(settings["reach"]), int(settings["steps"])
            self._speaker, self._mixture = int(settings["speaker"]), bool(settings["mixture"])
            self._mean, self._scale = float(settings["mel_mean"]), float(settings["mel_scale"])
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise BundleError(f"the settings of bundle {self.name!r} lack {error}") from error
        self._check()
        self.device = "cpu"
        self._engines: Mapping[str, Engine] = {}
        if backends is None:
            self._engines = engines = {
                graph: Engine(
                    bundle,
                    graph,
                    threads=threads,
                    device=where.device,
                    strict=where.strict,
                    waiting=where.waiting,
                )
                for graph in GRAPHS
            }
            backends, self.device = engines, engines["flow"].device
        self._hear, self._flow, self._speak = (backends[graph] for graph in GRAPHS)
        self.compute_s = 0.0

    @classmethod
    def open(cls, folder: Path, threads: int = 2, where: Where = CPU) -> "GenNetwork":
        """Load a bundle and warm it up. Raises: BundleError, RuntimeMissingError."""
        network = cls(open_bundle(folder, KIND), threads, where)
        network.warm_up()
        return network

    def _check(self) -> None:
        try:
            check_steps(self.steps)
        except ConfigError as error:
            raise BundleError(f"the settings of bundle {self.name!r}: {error}") from None
        if not 1 <= self.positions <= LONGEST:
            raise BundleError(
                f"the settings of bundle {self.name!r}: wanted 1 to {LONGEST} positions, "
                f"found {self.positions}"
            )

    def close(self) -> None:
        """Give back what is held on a card; afterwards it runs no more."""
        for engine in self._engines.values():
            engine.close()

    @property
    def bands(self) -> int:
        return int(self.form.filters.shape[1])

    def vector(self, cue: Cue) -> NDArray[np.float32]:
        """The speaker embedding, (D,). Raises: BundleError if it is none, or of others."""
        if cue.kind != "voice" or len(cue.positive) != self._speaker:
            raise BundleError(
                f"bundle {self.name!r} takes voices, {self._speaker} numbers each; {cue.name!r} "
                f"is a {cue.kind} of {len(cue.positive)}: it is of another encoder"
            )
        return np.asarray(cue.positive, np.float32)

    def enrolled(self, audio: Audio | None) -> NDArray[np.float32]:
        """Log-mel frames of enrolment audio at 16 kHz, (80, 2 E); zeros without."""
        mel = np.zeros((80, 2 * self.enrolment), np.float32)
        if audio is not None and audio.any() and self.enrolment:
            part = audio[: self.enrolment * POSITION]
            mel = loud(log_mel(np.pad(part, (0, self.enrolment * POSITION - len(part)))))
        return mel

    def hear(
        self, mixture: Audio, speaker: NDArray[np.float32], enrolled: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """(320 T,) context at 16 kHz -> (T, W) what is heard of the voice."""
        given = {"mel": loud(log_mel(mixture))[None], "speaker": speaker[None]}
        if self.enrolment:
            given["enrolment"] = enrolled[None]
        return cast(NDArray[np.float32], self._hear.step(given, {})[0]["hidden"][0])

    def draw(
        self,
        tokens: NDArray[np.float32],
        heard: Frames,
        level: NDArray[np.float32],
        speaker: NDArray[np.float32],
        noise: Frames,
        steps: int,
    ) -> Frames:
        """Draw mel frames of the voice, (F, M), in so many steps.

        Args:
            tokens: (F, W) what was heard, at the frames' times.
            heard, level: the mixture's mel frames and their level.
        """
        condition = tokens
        if self._mixture:
            above = (np.maximum(heard - level[:, None], -FLOOR) - self._mean) / self._scale
            condition = np.concatenate([tokens, above.astype(np.float32)], axis=1)
        fixed = {"condition": condition[None], "speaker": speaker[None]}
        x = noise[None]
        for step in range(steps):
            given = {"x": x, "time": np.full(1, step / steps, np.float32), **fixed}
            x = np.asarray(x + self._flow.step(given, {})[0]["velocity"] / steps, np.float32)
        mel = x[0] * self._scale + self._mean + level[:, None]
        return np.asarray(np.maximum(mel, np.log(QUIETEST)), np.float32)

    def silence(self) -> State:
        """The vocoder's state before a stream begins."""
        return self._speak.initial_state()

    def speak(self, mel: Frames, on: NDArray[np.bool_], state: State) -> tuple[Audio, State]:
        """(F, M) frames, of which some are `on` -> (F hop,) samples, `reach` frames late."""
        given = {"mel": mel.T[None].copy(), "on": on.astype(np.float32)[None, None]}
        outputs, state = self._speak.step(given, state)
        return outputs["audio"][0], state

    def warm_up(self, frames: int = 64, targets: int = 1, steps: int | None = None) -> None:
        """Measure `compute_s` on silence, for chunks of about so many frames of each target.

        `steps` of the flow; None: the bundle's own.
        """
        steps = self.steps if steps is None else steps
        rows = frames + steps * (self.before + self.after)
        speaker = np.full(self._speaker, self._speaker**-0.5, np.float32)
        heard, level = np.zeros((rows, self.bands), np.float32), np.zeros(rows, np.float32)
        for _ in range(2):  # the first run allocates
            began = time.monotonic()
            for _ in range(targets):
                mixture = np.zeros(self.positions * POSITION, np.float32)
                hidden = self.hear(mixture, speaker, self.enrolled(None))
                tokens = np.zeros((rows, hidden.shape[1]), np.float32)
                mel = self.draw(tokens, heard, level, speaker, heard, steps)[:frames]
                self.speak(mel, np.ones(frames, bool), self.silence())
            self.compute_s = time.monotonic() - began


def check_steps(steps: int) -> None:
    """Raises: ConfigError if the flow cannot take so many."""
    if not 1 <= steps <= MOST_STEPS:
        raise ConfigError(f"wanted 1 to {MOST_STEPS} steps of the flow, found {steps}")


def gentse_bundle() -> Path:
    """The folder of its bundle. Raises: BundleError saying how to get it."""
    return full_bundle(NAME, "RUN/best.pt", "vocoder=VOCODER/best.pt", "whisper=NAME")
