"""Where a stream begins to sound: captions count from there.

What Whisper makes of a doubtful word depends on where the word falls in its frames: the
same recording a few milliseconds later gives other words here and there, with any decoder.
Counted from the first sound, a stream gives the same captions however long it was silent
before: a file, and what is heard when it is played.
"""

import numpy as np

from tap_live.processor import Audio

AUDIBLE = 2.0**-11  # of full scale, -66 dB; less is silence
SETTLED_S = 0.02  # the loudest moment of the first sound is what is counted from,
LEAD_S = 0.5  # with so much before it


class Onset:
    """Hold a stream back until it sounds.

    Attributes:
        start: position in the stream at which what comes out begins, once `found`; before
            the stream if it sounds at once: silence is put in front.
    """

    def __init__(self, rate: int) -> None:
        self.found = False
        self.start = 0
        self._settled, self._lead = round(SETTLED_S * rate), round(LEAD_S * rate)
        self._held = np.zeros(0, np.float32)  # ends where the stream has got to
        self._position = 0

    def push(self, block: Audio) -> Audio:
        """Take (T,) samples; return those from `start` on that have come, if it is known."""
        if self.found:
            return block
        self._position += len(block)
        self._held = np.concatenate([self._held, block])
        audible = np.flatnonzero(np.abs(self._held) >= AUDIBLE)
        if len(audible) and len(self._held) - audible[0] >= self._settled:
            return self._begin(int(audible[0]))
        if not len(audible):
            self._held = self._held[-self._lead :]
        return np.zeros(0, np.float32)

    def flush(self) -> Audio:
        """Return a first sound that ended at once, if there is one; it is not as new afterwards."""
        audible = np.flatnonzero(np.abs(self._held) >= AUDIBLE)
        if self.found or not len(audible):
            return np.zeros(0, np.float32)
        return self._begin(int(audible[0]))

    def _begin(self, first: int) -> Audio:
        loudest = first + int(np.argmax(np.abs(self._held[first : first + self._settled])))
        begin = loudest - self._lead  # in what is held
        self.found = True
        self.start = self._position - len(self._held) + begin
        silence = np.zeros(max(0, -begin), np.float32)
        ready, self._held = np.concatenate([silence, self._held[max(0, begin) :]]), silence[:0]
        return ready
