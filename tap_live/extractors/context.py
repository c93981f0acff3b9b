"""A full model as its bundle holds it: a context of the mixture and cues in, targets out.

The encoder runs once a context, the decoder once a target.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from tap_live.bundle import Bundle, open_bundle
from tap_live.errors import BundleError
from tap_live.extractors import context_spectra
from tap_live.extractors.full import full_bundle
from tap_live.processor import Audio, Cue, Targets
from tap_live.providers import CPU, Where
from tap_live.runtime import Engine

KIND = "clapsep"
NAME = "clapsep"
RATE = context_spectra.RATE
COPY = context_spectra.MEL_RATE


class ContextNetwork:
    """Find targets in one context of a mixture at 32 kHz.

    Attributes:
        samples: of a context.
        cue_width: numbers of one side of a cue.
        own_cues: whether the bundle embeds its own cues, or takes those of the compact networks.
        compute_s: how long a context took when it was warmed up.
        device: where it runs.
    """

    def __init__(self, bundle: Bundle, threads: int = 2, where: Where = CPU) -> None:
        settings = bundle.manifest.settings
        self.name, self.folder = bundle.manifest.name, bundle.folder
        try:
            self.samples = round(cast(float, settings["seconds"]) * RATE)
            self._frames = int(cast(int, settings["frames"]))
            self.cue_width = int(cast(int, settings["cue"]))
            self.own_cues = settings["cues"] == "own"
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(f"the settings of bundle {self.name!r} lack {error}") from error
        self._hear, self._find = (
            Engine(
                bundle,
                graph,
                threads=threads,
                device=where.device,
                strict=where.strict,
                waiting=where.waiting,
            )
            for graph in ("hear", "find")
        )
        self.device = self._find.device
        self.compute_s = 0.0

    @classmethod
    def open(cls, folder: Path, threads: int = 2, where: Where = CPU) -> "ContextNetwork":
        """Load a bundle and time it. Raises: BundleError, RuntimeMissingError."""
        network = cls(open_bundle(folder, KIND), threads, where)
        network.warm_up()
        return network

    def close(self) -> None:
        """Give back what is held on a card; afterwards it runs no more."""
        for engine in (self._hear, self._find):
            engine.close()

    def vector(self, cue: Cue) -> NDArray[np.float32]:
        """What the decoder is asked with, (2 W,). Raises: BundleError if it is of others."""
        if cue.kind != "sound" or len(cue.positive) != self.cue_width:
            raise BundleError(
                f"bundle {self.name!r} takes cues of sounds, {self.cue_width} numbers a side; "
                f"{cue.name!r} is a {cue.kind} of {len(cue.positive)}: it is of another encoder"
            )
        return np.concatenate([cue.positive, cue.negative]).astype(np.float32)

    def targets(
        self,
        mixture: Audio,
        copy: Audio,
        vectors: Sequence[NDArray[np.float32]],
        start: int = 0,
        stop: int | None = None,
    ) -> Targets:
        """Extract from one context.

        Args:
            mixture: (samples,) at 32 kHz.
            copy: the same at 48 kHz, (3 samples / 2,).
            vectors: one a target.
            start, stop: the part of the context that is wanted.

        Returns: (K, stop - start).
        """
        stop = self.samples if stop is None else stop
        if not vectors:
            return np.empty((0, stop - start), np.float32)
        mel = context_spectra.log_mel(copy, self._frames)
        features, _ = self._hear.step({"mel": mel[None]}, {})
        spectrum = context_spectra.analyse(mixture)
        given = {**features, "magnitude": np.abs(spectrum)[None]}
        found = []
        for vector in vectors:
            outputs, _ = self._find.step({**given, "cue": vector[None]}, {})
            masked = spectrum * outputs["mask"][0]
            found.append(context_spectra.synthesise(masked, start, stop))
        return np.stack(found)

    def warm_up(self, targets: int = 1) -> None:
        """Measure `compute_s` on silence, with so many targets."""
        silence = np.zeros(self.samples, np.float32)
        copy = np.zeros(self.samples * COPY // RATE, np.float32)
        cue = np.ones(2 * self.cue_width, np.float32)
        for first in (True, False):  # the first run allocates
            began = time.monotonic()
            self.targets(silence, copy, [cue] * targets)
            if not first:
                self.compute_s = time.monotonic() - began


def clapsep_bundle() -> Path:
    """The folder of its bundle. Raises: BundleError saying how to get it."""
    clap = "clap=music_audioset_epoch_15_esc_90.14.pt"
    return full_bundle(NAME, "best_model.ckpt", clap, "tokenizer=ROBERTA")
