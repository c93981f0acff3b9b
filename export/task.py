"""What a model is for, on the demo's two voices: measured before and after an export."""

from typing import NamedTuple

import msgspec
import numpy as np

from tap_live.audio.files import read_audio
from tap_live.audio.resample import StreamResampler
from tap_live.bundle import open_bundle
from tap_live.commands.demo import BUNDLE
from tap_live.processor import Audio

SECONDS = 8.0
CUE_S = 8.0


class Mixture(NamedTuple):
    """Two voices over each other, equally loud, and one of them alone; at one rate."""

    mixture: Audio
    target: Audio


class Conversation(NamedTuple):
    """What is said in the demo's recording."""

    audio: Audio  # (T,) at the rate that was asked for
    text: str


def clip(file: str, rate: int, seconds: float | None = None) -> Audio:
    """One of the demo's recordings, at a rate."""
    samples, own = read_audio(open_bundle(BUNDLE, "demo").path(file), lambda warning: None)
    resampler = StreamResampler(own, rate)
    audio = np.concatenate([resampler.push(samples), resampler.flush()])
    return audio if seconds is None else audio[: round(seconds * rate)]


def two_voices(rate: int, seconds: float = SECONDS) -> Mixture:
    """Maya, who is wanted, with Ben over her at 0 dB."""
    voices = [clip(file, rate, seconds) for file in ("maya.ogg", "ben.ogg")]
    length = min(map(len, voices))
    wanted, other = (0.05 * voice[:length] / np.std(voice[:length]) for voice in voices)
    return Mixture((wanted + other).astype(np.float32), wanted.astype(np.float32))


def conversation(rate: int, seconds: float | None = None) -> Conversation:
    """The demo, or its turns that end within `seconds`, with what is said in them."""
    bundle = open_bundle(BUNDLE, "demo")
    turns = msgspec.json.decode(bundle.path("transcript.json").read_bytes())["turns"]
    heard = [turn for turn in turns if seconds is None or turn["end"] <= seconds]
    audio = clip("conversation.ogg", rate, None if seconds is None else heard[-1]["end"] + 0.2)
    return Conversation(audio, " ".join(turn["text"] for turn in heard))


def si_sdr(estimate: Audio, target: Audio) -> float:
    """Scale-invariant signal-to-distortion ratio, in dB (Le Roux et al., arXiv:1811.02508)."""
    length = min(len(estimate), len(target))
    found, wanted = (part[:length].astype(np.float64) for part in (estimate, target))
    scaled = (found @ wanted) / (wanted @ wanted + 1e-12) * wanted
    noise = ((found - scaled) ** 2).sum() + 1e-12
    return float(10 * np.log10((scaled**2).sum() / noise + 1e-12))
