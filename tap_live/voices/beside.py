"""Who speaks beside a voice: heard in what is left when that voice is taken out.

beside = VoiceBeside(encoder, vad, embedding, rate)
beside.hear(rest, 0.6)      (256,) who it is by now; zeros while nobody is known
"""

import numpy as np

from tap_live.audio.resample import StreamResampler
from tap_live.captions.vad import Vad
from tap_live.processor import Audio, Embedding
from tap_live.voices.encoder import WIDTH, SpeakerEncoder, unit
from tap_live.voices.features import RATE
from tap_live.voices.scoring import mean_state
from tap_live.voices.speech import find_speech

# Chosen on 24 mixtures of training voices, and the same with the other voice in a part of the time:
# 0.5 and 0.3 dB over what is extracted as of a stream; with 0.06 and 0.75 it is 0.6 and 0.1 dB.
LEAST = 0.15  # of the mixture's energy: in a fainter rest nobody can be told
ALIKE = 0.7  # cosine; a rest that is so much like the voice is what was not taken out of it
FADING = 0.8  # of what was heard before, at the next hearing: another may speak by then


class VoiceBeside:
    """One stranger, or what several have in common, as of the stretch that was heard last.

    Args:
        voice: (256,) embedding of whom was taken out.
        rate: Hz, of what is left.
    """

    def __init__(self, encoder: SpeakerEncoder, vad: Vad, voice: Embedding, rate: int) -> None:
        self._encoder, self._vad, self._rate = encoder, vad, rate
        self._voice = unit(voice)
        self._heard = np.zeros(WIDTH, np.float32)

    def hear(self, rest: Audio, share: float) -> Embedding:
        """Take the next stretch, (T,), of what is left; say who it is.

        Args:
            share: of the mixture's energy that is left.
        """
        self._heard *= FADING
        if share >= LEAST:
            resampler = StreamResampler(self._rate, RATE)
            audio = np.concatenate([resampler.push(rest), resampler.flush()])
            odds = np.concatenate([self._vad.push(audio), self._vad.flush()])
            embeddings, _ = self._encoder.read_windows(find_speech(audio, odds).windows())
            self._heard += np.float32(share * len(embeddings)) * unit(mean_state(embeddings))
        found = unit(self._heard)
        return found if found @ self._voice < ALIKE else np.zeros_like(found)
