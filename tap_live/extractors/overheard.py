"""Who speaks beside each voice of a stream: every two seconds what is left is heard, on a thread.

The newest four seconds are heard, so that pauses leave enough. What is found is due half a second
later, by position, so that it does not depend on how fast the machine is. Encoder, detector and
each `Beside` are used on that thread only, one hearing at a time; all else is the extractor's.
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tap_live.captions.vad import Vad
from tap_live.extractors.computing import Computing
from tap_live.processor import Audio, Embedding
from tap_live.voices.beside import Beside
from tap_live.voices.encoder import SpeakerEncoder

log = logging.getLogger(__name__)

EVERY_S = 2.0
LATE_S = 0.5
PATIENCE_S = 1.0  # for what takes some 30 ms; sound never waits longer


@dataclass
class Followed:
    """One voice, and who speaks beside it."""

    voice: Embedding
    beside: Beside
    known: Embedding
    left: Audio  # of the newest period and the one before


class Overheard:
    """Follow voices of a stream, hop by hop. Raises: BundleError, RuntimeMissingError."""

    def __init__(self, rate: int, hop: int) -> None:
        self._encoder, self._vad, self._rate = SpeakerEncoder.open(), Vad.open(), rate
        self._hop, self._every = hop, round(EVERY_S * rate / hop)
        self._late = math.ceil(LATE_S * rate / hop)
        self._voices: dict[str, Followed] = {}
        self._patience_s = PATIENCE_S
        self._computing: list[Computing[list[tuple[Beside, Embedding]]]] = []  # at most one
        self.restart()

    def follow(self, voices: Mapping[str, Embedding]) -> None:
        """Follow these voices, by name, from now on; who is followed already goes on."""
        before = self._voices
        self._voices = {
            name: before[name]
            if name in before and np.array_equal(before[name].voice, voice)
            else self._new(voice)
            for name, voice in voices.items()
        }

    def known(self, name: str) -> Embedding:
        """Who speaks beside a voice: zeros while nobody is known."""
        return self._voices[name].known

    def push(self, mixture: Audio, targets: Mapping[str, Audio]) -> list[str]:
        """Take a hop of the mixture and of each voice; name those of whom more is known now."""
        at = self._hops % self._every
        place = slice((self._every + at) * self._hop, (self._every + at + 1) * self._hop)
        self._mixture[place] = mixture
        for name, followed in self._voices.items():
            np.subtract(mixture, targets[name], out=followed.left[place])
        self._hops += 1
        if self._hops % self._every == 0:
            self._begin()
        if self._computing and self._hops % self._every == self._late:
            return self._end()
        return []

    def restart(self) -> None:
        """Forget the stream, not the voices."""
        for computing in self._computing:
            self._wait(computing)
        self._computing = []
        self._hops = 0
        self._mixture = np.zeros(2 * self._every * self._hop, np.float32)
        self._voices = {name: self._new(one.voice) for name, one in self._voices.items()}

    def _new(self, voice: Embedding) -> Followed:
        beside = Beside(self._encoder, self._vad, voice, self._rate)
        return Followed(voice, beside, np.zeros_like(voice), np.zeros_like(self._mixture))

    def _begin(self) -> None:
        if not (self._patience_s and self._voices):  # what stood still is not asked again
            return
        whole = float(np.square(self._mixture).sum()) + 1e-12
        asked = [
            (one.beside, one.left.copy(), float(np.square(one.left).sum()) / whole)
            for one in self._voices.values()
        ]

        def hear() -> list[tuple[Beside, Embedding]]:
            return [(beside, beside.hear(left, share)) for beside, left, share in asked]

        self._computing = [Computing(hear, "beside")]
        for audio in (self._mixture, *(one.left for one in self._voices.values())):
            audio[: len(audio) // 2] = audio[len(audio) // 2 :]

    def _end(self) -> list[str]:
        (computing,), self._computing = self._computing, []
        if not self._wait(computing):
            for one in self._voices.values():
                one.known = np.zeros_like(one.known)
            return [*self._voices]
        told = []
        for beside, known in computing.result():
            for name, one in self._voices.items():
                if one.beside is beside:  # not one who was enrolled anew meanwhile
                    one.known = known
                    told.append(name)
        return told

    def _wait(self, computing: Computing[list[tuple[Beside, Embedding]]]) -> bool:
        """Whether a hearing ends in time; if not, it was the last."""
        if computing.ended(self._patience_s):
            return True
        log.warning(
            "who speaks beside a voice is not heard any more: it took over %g s where it should "
            "take %g s", self._patience_s, LATE_S,
        )  # fmt: skip
        self._patience_s = 0.0
        return False
