"""Whether a piece of speech, heard as a whole, is of an enrolled voice.

knows = Verifier(encoder, scorer, scorer.print_of(voice.state)).knows
knows(audio, vad.push(audio))
"""

import math

from tap_live.captions.vad import Probabilities
from tap_live.processor import Audio
from tap_live.voices.encoder import LENGTHS, STEP_FRAMES, SpeakerEncoder
from tap_live.voices.scoring import Print, Scorer, mean_state
from tap_live.voices.speech import find_speech

# Captions of what is extracted, of 40 mixtures of training voices and 40 without the voice, words
# wrong and words a minute where it is absent: 1: 34.8 %, 19; 1.5: 35.7, 16; 2: 35.9, 14; 2.25 and
# 2.5: 35.9, 9; 2.75: 37.8, 5; 3.5: 41.4, 1; no verification: 34.8, 108.
THRESHOLD = 2.25


class Verifier:
    """Tell a voice's speech from others' where there is time to hear all of it.

    Args:
        threshold: log-likelihood ratio from which speech is the voice's; higher is stricter.
    """

    def __init__(
        self,
        encoder: SpeakerEncoder,
        scorer: Scorer,
        enrolled: Print,
        threshold: float = THRESHOLD,
    ) -> None:
        self._encoder, self._scorer, self._enrolled = encoder, scorer, enrolled
        self._threshold = threshold

    def knows(self, audio: Audio, odds: Probabilities) -> bool:
        """Whether (T,) samples at 16 kHz are of the voice, by how likely speech is in them."""
        return self.ratio(audio, odds) >= self._threshold

    def ratio(self, audio: Audio, odds: Probabilities) -> float:
        """Return their log-likelihood ratio; of less than 0.2 s of speech, minus infinity."""
        speech = find_speech(audio, odds)
        length = min(LENGTHS, len(speech.mel) // STEP_FRAMES)
        if not length:
            return -math.inf
        whole = length == LENGTHS
        windows = speech.windows() if whole else speech.mel[None, : length * STEP_FRAMES]
        _, states = self._encoder.read_windows(windows)
        return float(self._scorer.ratios(mean_state(states), length, [self._enrolled])[0])
