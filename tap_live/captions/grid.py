"""Where passes begin and end: places that the sound itself fixes, not the stream's start.

The same words a few milliseconds later would fall otherwise into the frames that Whisper
hears, and words that it is not certain of would come out differently. Counted from a mark
in the sound they fall as before, however long the stream had been going on.
"""

import numpy as np

from tap_live.captions.vad import WINDOW
from tap_live.processor import Audio


class Grid:
    """Positions at whole steps of one VAD window before and after a mark."""

    def __init__(self, mark: int) -> None:
        self.mark = mark

    @classmethod
    def of(cls, audio: Audio, start: int) -> "Grid":
        """Mark where (T,) samples that begin at `start` first come near their peak.

        Near is a quarter to a half of it, counted in halvings of full scale, so that a
        slightly different stretch mostly has the same mark.
        """
        loudness = np.abs(audio)
        peak = float(loudness.max(initial=0.0))
        if peak == 0.0:
            return cls(start)
        level = 2.0 ** np.floor(np.log2(peak)) / 2
        return cls(start + int(np.argmax(loudness >= level)))

    def before(self, position: int) -> int:
        """The last place that is not after `position`."""
        return position - (position - self.mark) % WINDOW
