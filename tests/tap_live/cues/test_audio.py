"""Example clips as cues: whatever their rate, level and length; and what cannot be one."""

import numpy as np
import pytest
import soxr

from tap_live.cues.audio import AudioCues
from tap_live.cues.features import BANDS, RATE, WINDOW_FRAMES, mel_frames, mel_windows
from tap_live.cues.text import TextCues
from tap_live.errors import AudioError, CueError


@pytest.fixture(scope="module")
def cues():
    return AudioCues.open()


def noise(seconds, rate=RATE, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate), np.float32)


def test_a_tone_is_heard_in_its_band():
    mel = 2595 * np.log10(1 + 1000 / 700)
    band = round(mel / (2595 * np.log10(1 + 16000 / 700) / (BANDS + 1))) - 1
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    frames = mel_frames(tone)
    assert frames.shape == (51, BANDS)
    assert (frames[5:-5].argmax(axis=1) == band).all()


def test_short_clips_are_repeated_and_near_silence_is_left_out():
    assert mel_windows(mel_frames(noise(0.3))).shape == (1, WINDOW_FRAMES, BANDS)
    quiet = np.concatenate([noise(6.0), 1e-4 * noise(6.0)])
    assert len(mel_windows(mel_frames(quiet))) < len(mel_windows(mel_frames(noise(12.0))))


def test_a_cue_is_a_unit_vector_whatever_the_level(cues):
    clip = noise(2.0)
    cue = cues.embed(clip, RATE)
    assert cue.shape == TextCues.open().embed("noise").shape and cue.dtype == np.float32
    assert np.linalg.norm(cue) == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(cues.embed(0.01 * clip, RATE), cue, atol=1e-3)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_the_rate_of_a_clip_makes_no_difference(cues, rate):
    clip = noise(2.0)
    there = np.asarray(soxr.resample(clip, RATE, rate), np.float32)
    assert cues.embed(there, rate) @ cues.embed(clip, RATE) > 0.99


def test_memory_does_not_grow_with_a_clip(cues):
    beginning = noise(60.0)
    longer = np.concatenate([beginning, np.zeros(RATE, np.float32)])
    np.testing.assert_allclose(cues.embed(longer, RATE), cues.embed(beginning, RATE), atol=1e-5)


def test_a_silent_clip_is_refused(cues):
    with pytest.raises(CueError, match=r"the clip is silent \(peak 0\.0e\+00\)"):
        cues.embed(np.zeros(RATE, np.float32), RATE)


def test_an_empty_or_tiny_clip_is_refused(cues):
    for length in (0, 1, 1000):
        with pytest.raises(CueError, match=r"at least 0\.05 s of the sound are wanted"):
            cues.embed(noise(1.0)[:length], RATE)


def test_a_clip_that_is_not_numbers_is_refused(cues):
    clip = noise(1.0)
    clip[100] = np.nan
    with pytest.raises(CueError, match="not numbers"):
        cues.embed(clip, RATE)


def test_a_rate_that_cannot_be_is_refused(cues):
    with pytest.raises(AudioError):
        cues.embed(noise(1.0), 10)


@pytest.mark.parametrize(
    ("source", "saying", "other"),
    [
        ("rooster", "a rooster crowing", "a helicopter flying"),
        ("helicopter", "a helicopter flying", "a rooster crowing"),
        ("crying baby", "a baby crying", "rain falling"),
        ("rain", "rain falling", "a person laughing"),
    ],
)
def test_clips_that_were_not_trained_on_lie_near_their_words(shared, cues, source, saying, other):
    import json

    import soundfile as sf

    folder = shared / "data" / "sounds"
    rows = [json.loads(row) for row in (folder / "manifest.jsonl").read_text().splitlines()]
    chosen = [r["file"] for r in rows if r["label"] == source and r["split"] == "dev"][:6]
    words = TextCues.open()
    nearer = []
    for file in chosen:
        audio, rate = sf.read(folder / file, dtype="float32")
        cue = cues.embed(audio, rate)
        nearer.append(cue @ words.embed(saying) > cue @ words.embed(other))
    assert np.mean(nearer) > 0.6
