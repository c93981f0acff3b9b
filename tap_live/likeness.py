"""How like what was asked for that is which is extracted: heard again by the encoder of its cue.

A network that does not find its target gives something else, often as loud as the target would
be. Twice a second the newest second is embedded as an example clip would be, on a thread of its
own; the result is due half a second later, by position, so that it does not depend on how fast
the machine is.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from tap_live.errors import CueError
from tap_live.extractors.computing import Computing
from tap_live.extractors.rows import Newest
from tap_live.processor import Audio

Liken: TypeAlias = Callable[[Audio, int], float]
"""(T,) samples at a rate -> the cosine of what they sound like and of what is asked for."""

HEARD_S = 1.0
EVERY_S = 0.5
UNLIKE = -1.0  # before anything was compared, and of silence
PATIENCE_S = 1.0  # for a look, which takes some 20 ms; sound never waits longer


class Likeness:
    """What one target's stream sounds like, as of about a second ago."""

    def __init__(self, liken: Liken, rate: int) -> None:
        self.value = UNLIKE
        self._liken, self._rate = liken, rate
        self._every = round(EVERY_S * rate)
        self._newest = Newest(round(HEARD_S * rate))
        self._computing: list[Computing[float]] = []  # at most one
        self._patience_s = PATIENCE_S

    def push(self, block: Audio) -> None:
        """Take (T,) of what is extracted."""
        while len(block):
            size = self._every - self._newest.end % self._every
            self._newest.write(block[:size])
            if self._newest.end % self._every == 0:
                self._look()
            block = block[size:]

    def end(self) -> None:
        """Wait until nothing is compared any more, or an encoder stands still."""
        for computing in self._computing:
            computing.ended(self._patience_s)

    def _look(self) -> None:
        if self._computing:
            if not self._computing[0].ended(self._patience_s):
                # An encoder that stands still is waited for once: extraction goes on without it.
                self.value, self._patience_s = UNLIKE, 0.0
                return
            given_up, found = self._patience_s == 0.0, self._computing.pop().result()
            # What comes after it was given up is of sound that is long gone.
            self.value, self._patience_s = UNLIKE if given_up else found, PATIENCE_S
        heard = self._newest.read(self._newest.end, round(HEARD_S * self._rate))
        self._computing.append(Computing(partial(self._compared, heard), "likeness"))

    def _compared(self, heard: Audio) -> float:
        try:
            return self._liken(heard, self._rate)
        except CueError:  # silence
            return UNLIKE
