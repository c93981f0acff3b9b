"""Howling, in rooms that are computed, and everything that must not be taken for it."""

import numpy as np
import pytest
import soundfile

from tap_live.outputs.howling import HowlingGuard
from tap_live.outputs.limiter import Limiter

RATE, BLOCK = 16_000, 160


def room(excess_db, seed=0):
    """From loudspeaker to microphone: 40 ms, then echoes; its loudest tone gains `excess_db`."""
    rng = np.random.default_rng(seed)
    echoes = rng.standard_normal(2_400) * np.exp(-np.arange(2_400) / 400)
    loudest = np.abs(np.fft.rfft(echoes, 2**16)).max()
    return np.concatenate([np.zeros(640), echoes / loudest * 10 ** (excess_db / 20)])


def loop(spoken, response, guard):
    """Close the loop: what is played comes back to the microphone, which clips at 1."""
    returning = np.zeros(len(spoken) + len(response) + BLOCK)
    limiter, heard = Limiter(RATE), []
    for start in range(0, len(spoken) - BLOCK, BLOCK):
        mixture = np.clip(spoken[start : start + BLOCK] + returning[start : start + BLOCK], -1, 1)
        out = limiter.push(guard.push(mixture.astype(np.float32)))
        returned = np.convolve(out, response)
        returning[start + BLOCK : start + BLOCK + len(returned)] += returned
        heard.append(out)
    return np.concatenate(heard)


def rms_db(audio):
    return 10 * np.log10(np.mean(np.square(audio, dtype=np.float64)) + 1e-12)


@pytest.mark.parametrize("excess_db", [2, 3, 6, 10])
def test_a_loop_that_howls_is_cut_and_stays_quiet(excess_db):
    noise = 1e-3 * np.random.default_rng(1).standard_normal(14 * RATE)
    told = []
    heard = loop(noise, room(excess_db), HowlingGuard(RATE, told.append))
    assert [warned.code for warned in told] == ["howling"] * len(told)
    assert 1 <= len(told) <= 1 + excess_db // 6  # each cut takes 6 dB
    assert rms_db(heard[-RATE:]) < -55
    assert "use a headset" in told[0].text
    assert told[0].start < told[0].stop


def test_a_loop_below_its_limit_is_left_alone():
    noise = 1e-3 * np.random.default_rng(1).standard_normal(10 * RATE)
    told = []
    loop(noise, room(-2), HowlingGuard(RATE, told.append))
    assert not told


def guarded(audio, rate=RATE):
    told = []
    guard = HowlingGuard(rate, told.append)
    out = [guard.push(audio[start : start + 480]) for start in range(0, len(audio), 480)]
    np.testing.assert_array_equal(np.concatenate(out) if not told else audio, audio)
    return told


def tone(hertz, seconds, rate=RATE):
    return np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


@pytest.mark.parametrize("seconds", [0.2, 1.0, 3.0])
def test_a_whistle_is_left_alone(seconds):
    """It starts within 60 ms, holds, wavers a little."""
    n = round(RATE * seconds)
    wavering = 1_500 + 15 * np.sin(2 * np.pi * 5 * np.arange(n) / RATE)
    whistle = 0.5 * np.sin(2 * np.pi * np.cumsum(wavering) / RATE)
    whistle[: RATE // 16] *= np.linspace(0, 1, RATE // 16) ** 2
    audio = np.pad(whistle, RATE // 2).astype(np.float32)
    audio += 1e-3 * np.random.default_rng(0).standard_normal(len(audio)).astype(np.float32)
    assert not guarded(audio)


def test_a_test_tone_and_a_sweep_are_left_alone():
    assert not guarded((0.5 * tone(1_000, 5)).astype(np.float32))
    sweep = 0.5 * np.sin(2 * np.pi * (200 * (t := np.arange(5 * RATE) / RATE) + 300 * t * t))
    assert not guarded(sweep.astype(np.float32))


def test_a_crescendo_with_harmonics_is_left_alone():
    rising = 10 ** (np.linspace(-40, -6, 3 * RATE) / 20)
    chord = sum(tone(220 * k, 3) / k for k in range(1, 7)) / 2
    assert not guarded((rising * chord).astype(np.float32))


def test_a_steady_offset_is_no_tone():
    assert not guarded(np.full(3 * RATE, 0.7, np.float32))


@pytest.mark.parametrize("size", [1, 7, 480, 100_000])
def test_cutting_does_not_change_the_result(size):
    rising = 10 ** (np.linspace(-60, 0, 2 * RATE) / 20)
    audio = np.concatenate([rising, np.ones(RATE)]) * tone(900, 3)
    audio = audio.astype(np.float32)[: 2 * RATE if size == 1 else None]
    results = []
    for cut in (size, 555):
        guard = HowlingGuard(RATE, lambda warned: None)
        out = [guard.push(audio[start : start + cut]) for start in range(0, len(audio), cut)]
        results.append(np.concatenate(out))
    assert len(results[0]) == len(audio)
    np.testing.assert_allclose(results[0], results[1], atol=1e-6)
    assert np.abs(results[0]).max() < 0.5  # it was cut on its way up


@pytest.mark.slow
def test_speech_music_and_sounds_are_left_alone(shared):
    """Every 60th of the developers' clips, as loud as they can be."""
    found = sorted((shared / "data").glob("s*/**/*.ogg"))[::60]
    taken_for_howling = []
    for path in found:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
        audio = audio.mean(axis=1)
        if guarded(0.99 * audio / (np.abs(audio).max() or 1), rate):
            taken_for_howling.append(path.name)
    assert len(found) > 100
    assert not taken_for_howling
