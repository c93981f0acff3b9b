"""Whether a clip is good enough to enrol a voice from, and why not."""

from dataclasses import dataclass
from typing import Literal

MINIMUM_S = 5.0


@dataclass(frozen=True)
class Figures:
    """What was measured of a clip."""

    seconds: float
    speech: float  # seconds of it
    level: float  # dBFS RMS, of the speech if there is any
    snr: float  # dB
    clipped: float  # fraction of samples
    voiced: float  # mean probability of speech where there is sound
    likeness: float  # of its parts' voices, see `enrolment.likeness`


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a clip."""

    code: Literal["silent", "short", "no-voice", "quiet", "clipped", "noisy", "voices"]
    text: str
    refused: bool  # or else only warned of


@dataclass(frozen=True)
class Limits:
    """Where a clip is warned of and where it is refused."""

    quiet: tuple[float, float] = (-42.0, -52.0)  # dBFS
    clipped: tuple[float, float] = (0.0005, 0.01)
    snr: tuple[float, float] = (15.0, 8.0)  # dB
    likeness: tuple[float, float] = (0.7, 0.58)
    silent: float = -60.0  # dBFS
    voiced: float = 0.5


def judge(figures: Figures, limits: Limits | None = None) -> list[Finding]:
    """List what is wrong with a clip, the gravest first; nothing if it is good."""
    limits = limits or Limits()
    if figures.level < limits.silent:
        text = f"silence: its level is {figures.level:.0f} dBFS; is the microphone muted, or is it "
        text += "another one? `tap-live devices` lists them, --input takes one"
        return [Finding("silent", text, True)]
    findings = [*_voice(figures, limits), *_sound(figures, limits)]
    return sorted(findings, key=lambda finding: not finding.refused)


def _voice(f: Figures, limits: Limits) -> list[Finding]:
    """Is there enough of one voice?"""
    found = []
    if f.speech < 1.0 and f.seconds >= MINIMUM_S:
        text = f"no voice in {f.seconds:.1f} s of sound; music and noise cannot be enrolled"
        found.append(Finding("no-voice", text, True))
    elif f.speech < MINIMUM_S:
        text = (
            f"{f.speech:.1f} s of speech in {f.seconds:.1f} s; "
            f"{MINIMUM_S:.0f} s are needed, 10 are better"
        )
        found.append(Finding("short", text, True))
    elif f.voiced < limits.voiced:
        text = f"voices in {100 * f.voiced:.0f} % of the sound only; is there music or noise?"
        found.append(Finding("no-voice", text, True))
    if f.speech >= MINIMUM_S and f.likeness < limits.likeness[0]:
        refused = f.likeness < limits.likeness[1]
        text = f"more than one voice{'' if refused else ', maybe'}: parts of it are alike by "
        text += f"{f.likeness:.2f} of 1; let only one person speak"
        found.append(Finding("voices", text, refused))
    return found


def _sound(f: Figures, limits: Limits) -> list[Finding]:
    """Is it loud, whole and clean enough?"""
    found = []
    if f.level < limits.quiet[0]:
        text = f"too quiet: {f.level:.0f} dBFS; come nearer or turn the microphone up"
        found.append(Finding("quiet", text, f.level < limits.quiet[1]))
    if f.clipped > limits.clipped[0]:
        text = f"clipped: {100 * f.clipped:.1f} % of the samples; turn the microphone down"
        found.append(Finding("clipped", text, f.clipped > limits.clipped[1]))
    if f.snr < limits.snr[0]:
        text = f"noise: speech is only {f.snr:.0f} dB above it; find a quieter place"
        found.append(Finding("noisy", text, f.snr < limits.snr[1]))
    return found
