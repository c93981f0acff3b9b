"""What sounds beside a sound: heard in what is left when that sound is taken out.

beside = SoundBeside(cues, embedding, rate)
beside.hear(rest, 0.6)      (128,) what it is like by now; zeros while nothing is known
"""

import numpy as np

from tap_live.cues.audio import SILENT, AudioCues
from tap_live.processor import Audio, Embedding
from tap_live.voices.encoder import unit

# ALIKE of 0.1, 0.2 and 0.3 were tried (models/training/EXPERIMENTS.md), the others were not varied.
LEAST = 0.1  # of the mixture's energy: a fainter rest tells nothing
ALIKE = 0.2  # cosine; a rest that is so much like the sound holds too much of it
FADING = 0.8  # of what was heard before, at the next hearing


class SoundBeside:
    """Whatever sounds beside a target; it stays known until something else is heard.

    Args:
        sound: (128,) cue of what was taken out.
        rate: Hz, of what is left.
    """

    def __init__(self, cues: AudioCues, sound: Embedding, rate: int) -> None:
        self._cues, self._rate = cues, rate
        self._sound = unit(sound)
        self._heard = np.zeros_like(self._sound)

    def hear(self, rest: Audio, share: float) -> Embedding:
        """Take the next stretch, (T,), of what is left; say what it is like.

        Args:
            share: of the mixture's energy that is left.
        """
        self._heard *= FADING
        if share >= LEAST and np.abs(rest).max() >= SILENT:
            self._heard += np.float32(share) * self._cues.embed(rest, self._rate)
        found = unit(self._heard)
        return found if found @ self._sound < ALIKE else np.zeros_like(found)
