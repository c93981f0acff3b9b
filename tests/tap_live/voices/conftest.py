import numpy as np
import pytest

from tap_live.voices.encoder import SpeakerEncoder

RATE = 16_000


def buzz(seconds, pitch=120.0, formants=(600, 1200, 2600), level=0.05, seed=0):
    """A hum with formants that comes and goes like syllables: enough of a voice for numbers."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * t))) / RATE
    sound = np.zeros_like(t)
    for k in range(1, int(4000 / pitch)):
        gain = sum(np.exp(-(((k * pitch - f) / 150) ** 2)) for f in formants) + 0.02
        sound += gain * np.sin(k * phase)
    sound *= 0.55 + 0.45 * np.sin(2 * np.pi * 3.1 * t)
    sound += 0.01 * rng.standard_normal(len(t))
    return (sound * level / np.sqrt(np.mean(sound**2))).astype(np.float32)


@pytest.fixture(scope="session")
def voice():
    """Make (T,) audio at 16 kHz: voice(seconds, pitch, formants, level, seed)."""
    return buzz


@pytest.fixture(scope="session")
def encoder():
    return SpeakerEncoder.open()
