"""Ways to hear one voice of two, to be rated beside each other (`gentse_eval.py`)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import soxr

from tap_live.extraction import Extraction, Wanted
from tap_live.extractors.gentse import GenExtractor
from tap_live.extractors.gentse_frames import MelStream
from tap_live.extractors.gentse_loudness import Loudness
from tap_live.extractors.gentse_network import GenNetwork
from tap_live.extractors.gentse_plan import GenPlan
from tap_live.processor import Audio, Extractor
from tap_live.targets import EmbeddedCue
from tap_live.voices.features import RATE

Way = Callable[[Any, EmbeddedCue], tuple[Audio, GenPlan | None]]
"""A rendered case (.mixture .target .enrolment) and the cue -> audio at 16 kHz, and how it was cut
if it was."""


def through(make: Callable[[Any], Extractor]) -> Way:
    """What an extractor that is made for a case gives, as `extract` runs it."""

    def way(case: Any, cue: EmbeddedCue) -> tuple[Audio, GenPlan | None]:
        extractor = make(case)
        extraction = Extraction(extractor, [Wanted(cue, 1.0)], rest_gain=0.0, rate=RATE)
        mixed = [extraction.push(case.mixture), extraction.flush()]
        found = np.concatenate([part.output for part in mixed])[: len(case.mixture)]
        return found, extractor.plan if isinstance(extractor, GenExtractor) else None

    return way


def vocoded(network: GenNetwork) -> Way:
    """The clean voice through the vocoder alone."""

    def way(case: Any, cue: EmbeddedCue) -> tuple[Audio, GenPlan | None]:
        own = network.form.rate
        audio = np.asarray(soxr.resample(case.target, RATE, own), np.float32)
        mel = MelStream(network.form)
        mel.push(np.pad(audio, (0, network.form.fft)))
        frames, state = mel.heard.mel, network.silence()
        silent = np.zeros((network.reach, network.bands), np.float32)
        body, state = network.speak(frames, np.ones(len(frames), bool), state)
        rest, _ = network.speak(silent, np.zeros(len(silent), bool), state)
        made = np.concatenate([body, rest])[network.reach * network.form.hop :]
        made = Loudness(network.form).follow(frames, made)
        back = np.asarray(soxr.resample(made, own, RATE), np.float32)
        return back[: len(case.target)], None

    return way
