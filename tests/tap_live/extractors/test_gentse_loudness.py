"""A re-made voice is as loud as its frames, whatever its vocoder takes off."""

import numpy as np
import pytest

from tap_live.extractors.gentse_frames import MelForm, MelStream
from tap_live.extractors.gentse_loudness import LIMITS, Loudness

FILTERS = np.kron(np.eye(16), np.full((16, 1), 1 / 16))[: 257 - 1]
FORM = MelForm(16_000, 512, 160, np.pad(FILTERS, ((0, 1), (0, 0))).astype(np.float32))
FRAMES = 600


@pytest.fixture
def audio() -> np.ndarray:
    """Six seconds of noise that swells and ebbs as syllables do, with a pause from 3 s to 4 s."""
    noise = np.random.default_rng(0).standard_normal(FRAMES * FORM.hop)
    noise *= 0.05 * (1.1 + np.sin(np.arange(len(noise)) * 2 * np.pi * 4 / FORM.rate))
    noise[48_000:64_000] = 0
    return noise.astype(np.float32)


def frames(audio: np.ndarray) -> np.ndarray:
    stream = MelStream(FORM)
    stream.push(np.pad(audio, (0, FORM.fft)))
    return stream.heard.mel[:FRAMES]


def decibels(audio: np.ndarray) -> float:
    return 10 * np.log10(np.mean(np.square(audio)))


@pytest.mark.parametrize("lost_db", [0, 3, 7, -4])
def test_what_a_vocoder_takes_off_is_given_back(audio: np.ndarray, lost_db: float) -> None:
    said = audio * np.float32(10 ** (-lost_db / 20))
    found = Loudness(FORM).follow(frames(audio), said)
    assert decibels(found) == pytest.approx(decibels(audio), abs=0.5)
    after = slice(64_000, 68_800)  # the first 0.3 s after the pause
    assert decibels(found[after]) == pytest.approx(decibels(audio[after]), abs=0.5)


def test_no_more_than_the_limits_is_given_and_silence_stays_silent(audio: np.ndarray) -> None:
    found = Loudness(FORM).follow(frames(audio), audio * 0.01)
    rises = np.abs(found[audio != 0] / (audio[audio != 0] * 0.01))
    assert rises.max() == pytest.approx(LIMITS[1], rel=1e-4)
    assert not Loudness(FORM).follow(frames(audio), np.zeros_like(audio)).any()
    nothing = np.full((FRAMES, 16), np.log(1e-5), np.float32)
    assert not Loudness(FORM).follow(nothing, np.zeros_like(audio)).any()


@pytest.mark.parametrize("size", [1, 7, 50])
def test_cutting_does_not_change_the_result(audio: np.ndarray, size: int) -> None:
    asked, said, one = frames(audio), 0.5 * audio, Loudness(FORM)
    parts = [
        one.follow(asked[at : at + size], said[at * FORM.hop : (at + size) * FORM.hop])
        for at in range(0, FRAMES, size)
    ]
    whole = Loudness(FORM).follow(asked, said)
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-7)


def test_what_comes_later_changes_nothing_before(audio: np.ndarray) -> None:
    other = audio.copy()
    other[40_000:] *= 0.3
    asked = frames(audio)
    found, changed = (Loudness(FORM).follow(asked, said) for said in (audio, other))
    np.testing.assert_array_equal(found[:40_000], changed[:40_000])


def test_a_softer_voice_is_followed_alike(audio: np.ndarray) -> None:
    loud, soft = (
        Loudness(FORM).follow(frames(gain * audio), 0.6 * gain * audio) for gain in (1.0, 0.25)
    )
    np.testing.assert_allclose(soft, 0.25 * loud, atol=1e-5)
