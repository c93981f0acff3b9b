"""From a clip to an enrolled voice.

enroller = Enroller.open()
enrolment = enroller.enrol("ana", audio, rate, source="ana.wav", day="2026-01-31")
enrolment.findings       what is wrong with the clip; nothing if it is good
store.add(enrolment.accepted())
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tap_live.audio.resample import StreamResampler
from tap_live.captions.vad import Probabilities, Vad
from tap_live.errors import VoiceError
from tap_live.processor import Audio
from tap_live.voices.encoder import SpeakerEncoder, unit
from tap_live.voices.features import RATE
from tap_live.voices.scoring import Scorer, mean_state
from tap_live.voices.speech import Speech, find_speech
from tap_live.voices.store import MICROPHONE, ClipFigures, Voice
from tap_live.voices.verdict import Figures, Finding, judge

_FRAME = 800  # samples, 50 ms: shorter than words, longer than a period of a low voice
_QUIETEST = 0.1  # of the frames, that show the noise
_SHARE = 0.2  # of the windows, that a second voice has at least
_AUDIBLE = 1e-3  # of the loudest frame's power: where there is sound
_NEVER_ABOVE = 60.0  # dB


@dataclass(frozen=True)
class Enrolment:
    """A voice as a clip gives it, and what is wrong with the clip."""

    voice: Voice
    figures: Figures
    findings: list[Finding]

    def accepted(self) -> Voice:
        """Return the voice. Raises: VoiceError with the reasons if the clip is refused."""
        reasons = [finding.text for finding in self.findings if finding.refused]
        if reasons:
            raise VoiceError(
                f"{self._from()} cannot enrol {self.voice.name!r}: {'; '.join(reasons)}"
            )
        return self.voice

    def _from(self) -> str:
        source = self.voice.clips[0].source
        return "what the microphone gave" if source == MICROPHONE else repr(source)


class Enroller:
    """Judge clips and make voices of them."""

    def __init__(self, encoder: SpeakerEncoder, scorer: Scorer, vad: Vad) -> None:
        self._encoder, self._scorer, self._vad = encoder, scorer, vad

    @classmethod
    def open(cls) -> "Enroller":
        """Load the bundles. Raises: BundleError, RuntimeMissingError."""
        return cls(SpeakerEncoder.open(), Scorer.open(), Vad.open())

    def enrol(self, name: str, audio: Audio, rate: int, *, source: str, day: str) -> Enrolment:
        """Make a voice of a whole clip, (T,) at `rate`, and judge it.

        Args:
            source: where the clip is from, as the store shows it.
            day: when, as the store shows it.
        """
        resampler = StreamResampler(rate, RATE)
        heard = np.concatenate([resampler.push(audio), resampler.flush()])
        odds = np.concatenate([self._vad.push(heard), self._vad.flush()])
        speech = find_speech(heard, odds)
        embeddings, states = self._encoder.read_windows(speech.windows())
        figures = self._measure(audio, rate, heard, odds, speech, states)
        voice = Voice(
            name=name,
            embedding=tuple(unit(mean_state(embeddings)).tolist()),
            state=tuple(mean_state(states).tolist()),
            clips=(
                ClipFigures(
                    made=day,
                    source=source,
                    seconds=round(figures.seconds, 2),
                    speech=round(figures.speech, 2),
                    level=round(figures.level, 1),
                    snr=round(figures.snr, 1),
                    clipped=round(figures.clipped, 5),
                    likeness=round(figures.likeness, 3),
                ),
            ),
        )
        return Enrolment(voice, figures, judge(figures))

    def _measure(
        self,
        audio: Audio,
        rate: int,
        heard: Audio,
        odds: Probabilities,
        speech: Speech,
        states: NDArray[np.float32],
    ) -> Figures:
        rms = speech.rms or float(np.sqrt(np.mean(np.square(heard, dtype=np.float64)) + 1e-20))
        return Figures(
            seconds=len(audio) / rate,
            speech=speech.seconds,
            level=max(-120.0, float(20 * np.log10(rms + 1e-9))),
            snr=_signal_to_noise(heard, rms),
            clipped=_clipped(audio),
            voiced=_voiced(heard, odds),
            likeness=likeness(self._scorer.project(states)),
        )


def likeness(vectors: NDArray[np.float32]) -> float:
    """Say how alike the two most different parts of a clip are: a cosine, 1 for one window.

    Windows, (N, D) unit vectors, are parted in two around the two that are furthest apart
    (spherical 2-means); a part of less than a fifth says nothing.
    """
    if len(vectors) < 4:
        return 1.0
    near = vectors @ vectors.T
    centres = vectors[list(np.unravel_index(near.argmin(), near.shape))]  # (2, D)
    for _ in range(20):
        second = vectors @ centres[1] > vectors @ centres[0]
        if not _SHARE <= second.mean() <= 1 - _SHARE:
            return 1.0
        centres = unit(np.stack([vectors[~second].mean(axis=0), vectors[second].mean(axis=0)]))
    return float(centres[0] @ centres[1])


def _powers(audio: Audio) -> NDArray[np.float64]:
    whole = len(audio) // _FRAME
    if not whole:
        return (
            np.array([np.mean(np.square(audio, dtype=np.float64))]) if len(audio) else np.zeros(1)
        )
    frames = audio[: whole * _FRAME].reshape(whole, _FRAME)
    return np.asarray(np.square(frames, dtype=np.float64).mean(axis=1))


def _signal_to_noise(audio: Audio, rms: float) -> float:
    """Hold the speech against the quietest tenth of the clip, in dB."""
    powers = np.sort(_powers(audio))
    noise = powers[: max(1, int(len(powers) * _QUIETEST))].mean()
    signal = max(rms**2 - noise, 1e-12)
    return float(min(_NEVER_ABOVE, 10 * np.log10(signal / (noise + 1e-12))))


def _clipped(audio: Audio) -> float:
    """Fraction of samples in runs of three or more at the clip's own peak."""
    peak = float(np.abs(audio).max(initial=0.0))
    if peak < 0.1:
        return 0.0
    top = np.abs(audio) >= 0.999 * peak
    runs = top[:-2] & top[1:-1] & top[2:]
    held = np.zeros(len(audio), bool)
    for shift in range(3):
        held[shift : len(audio) - 2 + shift] |= runs
    return float(held.mean())


def _voiced(audio: Audio, odds: Probabilities) -> float:
    """Mean probability of speech where there is sound."""
    powers = np.square(np.pad(audio, (0, -len(audio) % 512)), dtype=np.float64)
    powers = powers.reshape(-1, 512).mean(axis=1)[: len(odds)]
    loud = powers > _AUDIBLE * powers.max(initial=0.0)
    return float(odds[: len(powers)][loud].mean()) if loud.any() else 0.0
