"""The second recording of the demo: two voices at once, then a bird, and how well they part."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tap_live.audio.files import read_audio
from tap_live.audio.levels import decibels
from tap_live.commands.apart import Part, extracted, open_networks, parts_of
from tap_live.export.foley import bird
from tap_live.export.studio import RATE, Disturbance, Recording, Scene, Turn, Voice
from tap_live.export.task import si_sdr
from tap_live.processor import Audio
from tap_live.providers import CPU
from tap_live.voices.store import Voice as Enrolled

BIRD = "a bird chirping"  # in the words that ask it away
AUDIBLE = 1e-4  # of full scale
REST_S = 0.5  # of the bird alone, before somebody talks


def at_once(voices: Mapping[str, Voice]) -> Scene:
    """Maya and Ben at the same time; then Maya, and a bird."""
    return Scene(
        voices=voices,
        turns=(
            Turn(
                "Maya",
                "I told Laura that the big room is far too loud, "
                "and that six microphones are not enough for it.",
            ),
            Turn(
                "Ben",
                "Wait, wait. First we have to ask Martin who pays for it, "
                "and only then can we order anything.",
                gap=-4.8,
            ),
            Turn(
                "Maya",
                "And then there is that canary. Whenever I have something to say in here, "
                "it begins to sing, and nobody ever covers it up.",
                gap=1.2,
            ),
        ),
        lead_in=0.8,
        sounds={BIRD: Disturbance(bird, start=7.2, end=15.6, level=-23.0)},
        seed=12,
    )


def story(recording: Recording) -> str:
    """Who is heard when."""
    maya, ben, again = recording.transcript.turns
    return (
        f"Maya and Ben talk at once, from {ben.start:.1f} to {maya.end:.1f} s; from "
        f"{again.start:.1f} s on Maya talks while a bird sings. Nobody was recorded: all of it is "
        "synthesised."
    )


def measure(recording: Recording, file: Path, voices: list[Enrolled]) -> dict[str, str]:
    """Take the written recording apart with what is installed, and compare with its parts.

    Returns: what each part gained, in words, by its file's name.
    """
    audio, _ = read_audio(file, lambda warning: None)
    figures = {}
    with open_networks(CPU) as networks:
        for part in parts_of(voices, BIRD):
            if network := networks.get(part.kind):
                kept = np.concatenate(list(extracted(audio, RATE, part, network)))
                figures[part.file] = _figure(recording, part, audio, kept)
    return figures


def _figure(recording: Recording, part: Part, audio: Audio, kept: Audio) -> str:
    if part.kind == "sound":
        return _without(recording, audio, kept)
    maya, ben, _ = recording.transcript.turns
    name = part.wanted.cue.name.removeprefix("voice:")
    both = _span(ben.start, maya.end)
    before, after = (si_sdr(sound[both], recording.heard[name][both]) for sound in (audio, kept))
    return (
        f"SI-SDR of {name} {before:.1f} dB before and {after:.1f} dB after, over the "
        f"{maya.end - ben.start:.1f} s of both at once"
    )


def _without(recording: Recording, audio: Audio, kept: Audio) -> str:
    again = recording.transcript.turns[-1]
    sounding = np.flatnonzero(np.abs(recording.heard[BIRD]) > AUDIBLE)
    span = slice(sounding[0], sounding[-1])
    wanted = recording.audio - recording.heard[BIRD]
    before, after = (si_sdr(sound[span], wanted[span]) for sound in (audio, kept))
    alone = _span(again.start - REST_S, again.start)
    loud, soft = (decibels(float(np.std(sound[alone]))) for sound in (audio, kept))
    return (
        f"SI-SDR of all but the bird {before:.1f} dB before and {after:.1f} dB after, while it "
        f"sings; where only it is heard, {loud:.1f} dBFS before and {soft:.1f} dBFS after"
    )


def _span(start: float, end: float) -> slice:
    """Seconds to samples."""
    return slice(round(start * RATE), round(end * RATE))
