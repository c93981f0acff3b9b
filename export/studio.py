"""Two voices made of one, in a room that does not exist.

A synthesised voice (hibari-tts) speaks every part; the WORLD vocoder transposes it, pitch and
vocal tract apart, into other people's. Everybody sits elsewhere in one small room, over a noise
bed and a few cups that are synthesised too, so that nothing heard belongs to anybody else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import scipy.signal
import soxr

from tap_live.processor import Audio

RATE = 48_000  # Hz, of the recording
VOICE_RATE = 24_000  # Hz, of the synthesiser


@dataclass(frozen=True, kw_only=True)
class Voice:
    """A person: how the synthesised voice is changed, and where they sit."""

    pitch: float = 1.0  # times the synthesiser's
    tract: float = 1.0  # frequencies of the formants, times the synthesiser's
    speed: float = 1.0  # of speaking, times the synthesiser's
    level: float = -26.0  # dBFS RMS while speaking, as a microphone on the table gives it
    reverberation: float = -13.0  # dB, of the room's answer below the voice itself


@dataclass(frozen=True)
class Turn:
    """What one person says at a stretch."""

    speaker: str
    text: str
    gap: float = 0.5  # seconds after the turn before; negative speaks into it


@dataclass(frozen=True)
class Disturbance:
    """A sound that nobody wants to hear."""

    make: Callable[[int, np.random.Generator], Audio]  # so many samples at `RATE`, of any level
    start: float  # seconds of the recording
    end: float
    level: float = -27.0  # dBFS RMS while it sounds
    reverberation: float = -12.0  # dB, of the room's answer below the sound itself


@dataclass(frozen=True)
class Scene:
    """Everything that is heard."""

    voices: Mapping[str, Voice]
    turns: Sequence[Turn]
    lead_in: float = 1.2  # seconds of room before anybody speaks
    lead_out: float = 1.5
    bed: float = -50.0  # dBFS RMS of the room's own noise
    cups: Sequence[float] = ()  # seconds at which one is put down
    sounds: Mapping[str, Disturbance] = field(default_factory=dict)  # by how it is asked away
    seed: int = 2


class SpokenTurn(msgspec.Struct, frozen=True):
    """One turn as spoken, in seconds of the recording, without the silence around it."""

    speaker: str
    start: float
    end: float
    text: str


class Transcript(msgspec.Struct, frozen=True):
    """Who says what, when."""

    rate: int  # Hz
    seconds: float
    language: str
    turns: tuple[SpokenTurn, ...]


@dataclass(frozen=True)
class Recording:
    """A scene as the microphone hears it."""

    audio: Audio  # (T,) at `RATE`
    transcript: Transcript
    clean: dict[str, Audio] = field(repr=False)  # each voice alone and dry, (T,)
    heard: dict[str, Audio] = field(repr=False)  # each voice and sound alone, in the room, (T,)


Speaker = Callable[[str, Voice, int], Audio]  # text, voice, seed -> (T,) at `VOICE_RATE`


def record(scene: Scene, speak: Speaker) -> Recording:
    """Let everybody speak, and put them in the room.

    Args:
        scene: what is heard; the same scene gives the same recording.
        speak: the synthesiser; `hibari_speaker()`, or another in tests.
    """
    spoken = [
        speak(turn.text, scene.voices[turn.speaker], scene.seed + place)
        for place, turn in enumerate(scene.turns)
    ]
    starts, total = _starts(scene, [len(audio) for audio in spoken])
    rng = np.random.default_rng(scene.seed)
    mixture = _room_noise(total, scene.bed, rng)
    for second in scene.cups:
        _add(mixture, _cup(rng), round(second * RATE))
    clean = {name: np.zeros(total, np.float32) for name in scene.voices}
    for turn, audio, start in zip(scene.turns, spoken, starts, strict=True):
        _add(clean[turn.speaker], audio, start)
    heard = {
        name: _in_room(clean[name], voice.reverberation, rng)
        for name, voice in scene.voices.items()
    }
    heard |= {name: _disturb(sound, total, rng) for name, sound in scene.sounds.items()}
    for part in heard.values():
        mixture += part
    transcript = Transcript(
        rate=RATE,
        seconds=total / RATE,
        language="en",
        turns=tuple(
            SpokenTurn(
                turn.speaker,
                round(start / RATE, 3),
                round((start + len(audio)) / RATE, 3),
                turn.text,
            )
            for turn, audio, start in zip(scene.turns, spoken, starts, strict=True)
        ),
    )
    return Recording(mixture, transcript, clean, heard)


def hibari_speaker() -> Speaker:
    """The synthesiser of the shipped recording, with everybody's voice made from its one."""
    from hibari import Hibari

    synthesise = Hibari()

    def speak(text: str, voice: Voice, seed: int) -> Audio:
        sentences = [_trim(part) for part in synthesise.stream(text, speed=voice.speed, seed=seed)]
        audio = _join(sentences, np.random.default_rng(seed))
        if (voice.pitch, voice.tract) != (1.0, 1.0):
            audio = transpose(audio, VOICE_RATE, voice.pitch, voice.tract)
        audio = soxr.resample(audio, VOICE_RATE, RATE, quality="VHQ")
        return np.asarray(audio * (_amplitude(voice.level) / _active_rms(audio)), np.float32)

    return speak


def transpose(audio: Audio, rate: int, pitch: float, tract: float) -> Audio:
    """Make another person of a voice: scale its pitch and its vocal tract separately.

    Args:
        audio: (T,) clean speech.
        pitch: the new fundamental over the old one.
        tract: the new formants' frequencies over the old ones; 0.86 is a man's of a woman's.

    Returns: (T,) speech with the same timing.
    Source: Morise et al., WORLD, doi:10.1587/transinf.2015EDP7457.
    """
    import pyworld

    samples = audio.astype(np.float64)
    f0, times = pyworld.harvest(samples, rate, f0_floor=80.0, f0_ceil=500.0)
    f0 = pyworld.stonemask(samples, f0, times, rate)
    envelope = pyworld.cheaptrick(samples, f0, times, rate)
    noisiness = pyworld.d4c(samples, f0, times, rate)
    spectrum = np.exp(_stretch(np.log(envelope), tract, beyond=np.log(envelope.min())))
    voice = pyworld.synthesize(f0 * pitch, spectrum, _stretch(noisiness, tract, beyond=1.0), rate)
    return np.asarray(voice[: len(audio)], np.float32)


def pitch_of(audio: Audio, rate: int) -> float:
    """Median fundamental frequency of a voice, in Hz."""
    import pyworld

    f0, _ = pyworld.harvest(audio.astype(np.float64), rate, f0_floor=60.0, f0_ceil=500.0)
    return float(np.median(f0[f0 > 0]))


def _starts(scene: Scene, lengths: Sequence[int]) -> tuple[list[int], int]:
    """Where each turn starts, and how long the recording is, in samples."""
    starts: list[int] = []
    end = round((scene.lead_in - scene.turns[0].gap) * RATE)
    for turn, length in zip(scene.turns, lengths, strict=True):
        starts.append(end + round(turn.gap * RATE))
        end = max(end, starts[-1] + length)
    return starts, end + round(scene.lead_out * RATE)


def _trim(audio: Audio, floor: float = -45.0, margin: float = 0.02) -> Audio:
    """Cut the silence around speech, so that its times are those of its sounds."""
    block = VOICE_RATE // 100
    levels = np.sqrt(np.mean(np.square(audio[: len(audio) // block * block].reshape(-1, block)), 1))
    loud = np.flatnonzero(levels > levels.max() * _amplitude(floor)) * block
    edge = round(margin * VOICE_RATE)
    return audio[max(0, loud[0] - edge) : loud[-1] + block + edge]


def _join(sentences: Sequence[Audio], rng: np.random.Generator) -> Audio:
    """Say one sentence after the other, with a breath between."""
    parts = []
    for sentence in sentences:
        parts += [sentence, np.zeros(round(rng.uniform(0.22, 0.36) * VOICE_RATE), np.float32)]
    return np.concatenate(parts[:-1])


def _stretch(
    frames: np.ndarray[tuple[int, int], np.dtype[np.float64]], ratio: float, beyond: float
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Move what stands in bin k to bin k * ratio; `frames` is (frames, bins)."""
    bins = np.arange(frames.shape[1])
    rows = [np.interp(bins / ratio, bins, row, right=beyond) for row in frames]
    return np.ascontiguousarray(rows)


def _in_room(audio: Audio, reverberation: float, rng: np.random.Generator) -> Audio:
    """Add a small room's answer: decaying noise, duller as it dies, after 4 ms of travel."""
    seconds, decay, travel = 0.45, 0.35, 0.004  # decay is the time to -60 dB
    times = np.arange(round(seconds * RATE)) / RATE
    answer = rng.standard_normal(len(times)) * 10.0 ** (-3.0 * times / decay)
    answer = scipy.signal.lfilter(*scipy.signal.butter(1, 3500, fs=RATE), answer)
    answer[: round(travel * RATE)] = 0.0
    answer *= _amplitude(reverberation) / np.sqrt(np.sum(np.square(answer)))
    wet = scipy.signal.fftconvolve(audio, answer)[: len(audio)]
    return np.asarray(audio + wet, np.float32)


def _disturb(sound: Disturbance, total: int, rng: np.random.Generator) -> Audio:
    """A sound in the room, (total,); it comes and goes within 50 ms."""
    start, end = (round(at * RATE) for at in (sound.start, sound.end))
    audio = sound.make(end - start, rng)
    steps = np.arange(len(audio)) / (0.05 * RATE)
    gain = _amplitude(sound.level) / _active_rms(audio) * np.minimum(steps, steps[::-1]).clip(max=1)
    track = np.zeros(total, np.float32)
    _add(track, np.asarray(gain * audio, np.float32), start)
    return _in_room(track, sound.reverberation, rng)


def _room_noise(samples: int, level: float, rng: np.random.Generator) -> Audio:
    """A room's hum of ventilation and far voices: low, and slowly swelling by 2 dB."""
    white = rng.standard_normal(samples)
    low = scipy.signal.lfilter(*scipy.signal.butter(2, (90, 450), "bandpass", fs=RATE), white)
    high = scipy.signal.lfilter(*scipy.signal.butter(1, 2500, fs=RATE), white)
    times = np.arange(samples) / RATE
    swell = _amplitude(1.0) ** (np.sin(2 * np.pi * 0.11 * times) + np.sin(2 * np.pi * 0.23 * times))
    noise = (low / np.std(low) + 0.35 * high / np.std(high)) * swell
    noise *= _amplitude(level) / np.sqrt(np.mean(np.square(noise)))
    return np.asarray(noise, np.float32)


def _cup(rng: np.random.Generator) -> Audio:
    """China put on a saucer: a few partials that no string has, ringing off fast."""
    times = np.arange(round(0.35 * RATE)) / RATE
    partials = 2100.0 * np.array([1.0, 1.58, 2.24, 2.92, 3.46]) * rng.uniform(0.9, 1.1, 5)
    decays = rng.uniform(35.0, 90.0, 5)
    ring = sum(
        np.sin(2 * np.pi * partial * times) * np.exp(-decay * times) / (number + 1)
        for number, (partial, decay) in enumerate(zip(partials, decays, strict=True))
    )
    onset = 1.0 - np.exp(-times / 0.0006)
    return np.asarray(_amplitude(-36.0) * ring * onset, np.float32)


def _add(track: Audio, audio: Audio, start: int) -> None:
    part = audio[: max(0, len(track) - start)]
    track[start : start + len(part)] += part


def _active_rms(audio: Audio, rate: int = RATE) -> float:
    """RMS of the 20 ms blocks within 30 dB of the loudest: of speech without its pauses."""
    block = rate // 50
    powers = np.mean(np.square(audio[: len(audio) // block * block].reshape(-1, block)), axis=1)
    return float(np.sqrt(powers[powers > powers.max() / 1000].mean()))


def _amplitude(decibels: float) -> float:
    return float(10.0 ** (decibels / 20.0))
