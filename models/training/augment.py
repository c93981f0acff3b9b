"""What happens to a sound before a microphone hears it: rooms, channels, levels, speed."""

import io

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray
from scipy import signal

Audio = NDArray[np.float32]

COLOUR_DB = 5.0  # standard deviation of an octave's gain
TRACT_S = 0.0016  # an envelope's finest ripple; the shortest pitch period is 0.0025


def rms(audio: Audio) -> float:
    """RMS over the 20 ms parts (320 samples) within 40 dB of the loudest; never zero."""
    count = len(audio) // 320
    if count == 0:
        return float(np.sqrt(np.mean(audio**2))) + 1e-9
    energy = np.mean(audio[: count * 320].reshape(count, 320) ** 2, axis=1)
    return float(np.sqrt(np.mean(energy[energy >= energy.max() * 1e-4]))) + 1e-9


def at_level(audio: Audio, decibels: float) -> Audio:
    """Scale to an RMS level in dBFS, pauses not counted; silence stays silence."""
    level = rms(audio)
    gain = 1.0 if level < 1e-6 else 10.0 ** (decibels / 20.0) / level
    return (audio * gain).astype(np.float32)


def change_speed(audio: Audio, speed: float, length: int) -> Audio:
    """Play faster (speed above 1: higher, shorter) or slower, to exactly `length` samples."""
    if speed != 1.0:
        audio = np.asarray(soxr.resample(audio, speed, 1.0, quality="MQ"), np.float32)
    return fit(audio, length)


def change_tract(audio: Audio, factor: float, rate: int) -> Audio:
    """Move formants up by a factor, as a shorter vocal tract does; pitch and length are kept.

    The envelope of each short-time spectrum, smoothed in its cepstrum, is stretched.
    """
    if factor == 1.0:
        return audio
    size = round(0.032 * rate)
    _, _, spectrum = signal.stft(audio, nperseg=size)  # (bins, frames)
    levels = np.log(np.abs(spectrum) + 1e-4 * rms(audio))
    cepstrum = np.fft.irfft(levels, axis=0)
    smooth = round(TRACT_S * rate)
    cepstrum[smooth : 1 - smooth] = 0.0  # what comes again later is the pitch
    envelope = np.fft.rfft(cepstrum, axis=0).real
    places = np.minimum(np.arange(len(envelope)) / factor, len(envelope) - 1)
    below = np.minimum(places.astype(int), len(envelope) - 2)
    share = (places - below)[:, None]
    moved = (1 - share) * envelope[below] + share * envelope[below + 1]
    _, changed = signal.istft(spectrum * np.exp(moved - envelope), nperseg=size)
    return fit(changed.astype(np.float32), len(audio))


def fit(audio: Audio, length: int) -> Audio:
    """Cut, or pad with zeros, to a length."""
    if len(audio) >= length:
        return audio[:length]
    return np.concatenate([audio, np.zeros(length - len(audio), np.float32)])


def reverberate(audio: Audio, response: Audio) -> Audio:
    """Put a sound into a room, aligned to and scaled by its direct path; length is kept."""
    peak = int(np.argmax(np.abs(response)))
    wet: Audio = signal.oaconvolve(audio, response / np.abs(response[peak]))
    return wet[peak : peak + len(audio)].astype(np.float32, copy=False)


def random_room(rng: np.random.Generator, response: Audio, rate: int) -> Audio:
    """Vary a room half of the time: 0.3 to 1.2 of its reverberation, which fades faster."""
    if rng.random() < 0.5:
        return response
    peak = int(np.argmax(np.abs(response)))
    after = np.arange(len(response)) - peak
    fade = np.exp(-np.maximum(after, 0) / (rate * rng.uniform(0.03, 0.6)))
    share = np.where(after > 0.0025 * rate, rng.uniform(0.3, 1.2), 1.0)
    return (response * fade * share).astype(np.float32)


def random_colour(rng: np.random.Generator, audio: Audio, rate: int) -> Audio:
    """Raise and lower octaves of (T,) audio, as another thing of its kind may sound."""
    octaves = np.arange(np.log2(60), np.log2(rate / 2) + 1)
    gains = rng.normal(0.0, COLOUR_DB, len(octaves))
    spectrum = np.fft.rfft(audio)
    hertz = np.fft.rfftfreq(len(audio), 1 / rate)
    spectrum *= 10.0 ** (np.interp(np.log2(hertz + 1.0), octaves, gains) / 20.0)
    return np.fft.irfft(spectrum, len(audio)).astype(np.float32)


def random_channel(rng: np.random.Generator, audio: Audio, rate: int) -> Audio:
    """Colour as microphones and lines do: a tilt, and at times a narrow band or a codec."""
    tilt = signal.butter(1, rng.uniform(300, 3000) * 2 / rate, "low", output="sos")
    audio = audio + np.float32(rng.uniform(-0.6, 1.5)) * signal.sosfilt(tilt, audio)
    kind = rng.random()
    if kind < 0.3:
        band = [rng.uniform(80, 300), rng.uniform(3000, 3800)]
        audio = signal.sosfilt(signal.butter(4, band, "band", fs=rate, output="sos"), audio)
    elif kind < 0.6:
        top = rng.uniform(3400, 7000)
        audio = signal.sosfilt(signal.butter(4, top, "low", fs=rate, output="sos"), audio)
    audio = audio.astype(np.float32)
    return through_codec(audio, rate, rng.uniform(0.85, 1.0)) if kind > 0.8 else audio


def through_codec(audio: Audio, rate: int, compression: float) -> Audio:
    """Lose what Vorbis loses, at 0 (best) to 1 (smallest); length and place are kept."""
    peak = np.float32(np.abs(audio).max() + 1e-9)
    file = io.BytesIO()
    sf.write(
        file, audio / peak, rate, format="OGG", subtype="VORBIS", compression_level=compression
    )
    file.seek(0)
    decoded, _ = sf.read(file, dtype="float32")
    return fit(decoded, len(audio)) * peak
