"""Whether a recording is of an enrolled voice: the test on the spot after an enrolment, and
before a further clip is taken into one.
"""

from dataclasses import dataclass

import numpy as np

from tap_live.audio.resample import StreamResampler
from tap_live.captions.vad import Vad
from tap_live.errors import VoiceError
from tap_live.processor import Audio, Embedding
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


def check_same(voice: Voice, clip: Voice) -> None:
    """Let a voice be improved by clips of itself only. Raises: VoiceError, BundleError."""
    ratio = _ratio(voice, np.array(clip.state, np.float32))
    threshold = GateConfig().threshold
    if ratio <= threshold:
        raise VoiceError(
            f"{clip.clips[0].source!r} does not sound like {voice.name!r}, who is enrolled: "
            f"likeness {ratio:.1f}, wanted over {threshold:g}; take another name, or add it all "
            "the same with `tap-live enrol --anyway`"
        )


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
    ratio, threshold = _ratio(voice, mean_state(states)), GateConfig().threshold
    return Recognition(
        voice.name, ratio > threshold, round(ratio, 2), threshold, round(speech.seconds, 1)
    )


def sound_alike(one: Voice, other: Voice) -> bool:
    """Whether two enrolments are likelier of one voice than of two. Raises: BundleError."""
    return _ratio(one, np.array(other.state, np.float32)) > GateConfig().threshold


def _ratio(voice: Voice, state: Embedding) -> float:
    """How much likelier a mean state over windows of 1.6 s is this voice's, as a logarithm."""
    scorer = Scorer.open()
    return float(scorer.ratios(state, LENGTHS, [scorer.print_of(voice.state)])[0])
