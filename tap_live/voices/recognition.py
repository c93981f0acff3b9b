"""Whether a recording is of an enrolled voice: the test on the spot after an enrolment."""

from dataclasses import dataclass

import numpy as np

from tap_live.audio.resample import StreamResampler
from tap_live.captions.vad import Vad
from tap_live.errors import VoiceError
from tap_live.processor import Audio
from tap_live.voices.encoder import LENGTHS, SpeakerEncoder
from tap_live.voices.features import RATE
from tap_live.voices.gate import GateConfig
from tap_live.voices.scoring import Scorer, mean_state
from tap_live.voices.speech import find_speech
from tap_live.voices.store import Voice


@dataclass(frozen=True)
class Recognition:
    """How surely it is that voice; `ratio` is a log-likelihood ratio."""

    name: str
    same: bool
    ratio: float
    threshold: float  # of `ratio`
    speech: float  # seconds


def compare(voice: Voice, audio: Audio, rate: int) -> Recognition:
    """Hold (T,) at `rate` against a voice.

    Raises: VoiceError if there is too little speech; BundleError, RuntimeMissingError.
    """
    resampler, vad = StreamResampler(rate, RATE), Vad.open()
    heard = np.concatenate([resampler.push(audio), resampler.flush()])
    speech = find_speech(heard, np.concatenate([vad.push(heard), vad.flush()]))
    windows = speech.windows()
    if not len(windows):
        raise VoiceError(
            f"{speech.seconds:.1f} s of speech is too little to know {voice.name!r} by: "
            "speak for three seconds"
        )
    _, states = SpeakerEncoder.open().read_windows(windows)
    scorer, threshold = Scorer.open(), GateConfig().threshold
    ratio = float(scorer.ratios(mean_state(states), LENGTHS, [scorer.print_of(voice.state)])[0])
    return Recognition(
        voice.name, ratio > threshold, round(ratio, 2), threshold, round(speech.seconds, 1)
    )
