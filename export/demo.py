"""Make the recordings of `tap-live demo`: two people in a cafe, one microphone.

In the second one they talk at once, and then a bird sings; how well the networks that are installed
take it apart is measured. It is all the same for the same seeds, but for the last bits of floating
point. To make it again:

    pip install -e ".[export]" hibari-tts==0.2.1 pyworld==0.3.5 "setuptools<81"
    python -m tap_live.export.demo --out tap_live/bundles/demo

pyworld needs setuptools below 81. With `--check MODEL` (pip install faster-whisper jiwer) a
CTranslate2 Whisper listens to the result and the card tells its word error rate.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import fill
from typing import Annotated

import msgspec
import numpy as np
import soundfile
import soxr
import typer

from tap_live.bundle import FORMAT, Manifest, file_spec, write_manifest
from tap_live.commands.apart import Overlap
from tap_live.commands.demo import enrolled
from tap_live.export.overlap import BIRD, at_once, measure, story
from tap_live.export.studio import (
    RATE,
    VOICE_RATE,
    Recording,
    Scene,
    Speaker,
    Transcript,
    Turn,
    Voice,
    hibari_speaker,
    pitch_of,
    record,
)
from tap_live.processor import Audio

INAUDIBLE = 1e-3  # of full scale; floating point and the codec differ by less
QUALITY = 0.4  # of Vorbis, 0 is best and 1 worst
RECORDING = "conversation.ogg"
OVERLAPPED = "overlap.ogg"
TRANSCRIPT = "transcript.json"
CARD = "card.md"
ENROLMENT_RATE = 16_000  # Hz; what voices are told apart by
LICENCE = "Apache-2.0"
NEEDS = 'pip install -e ".[export]" hibari-tts==0.2.1 pyworld==0.3.5 "setuptools<81"'
COMMAND = "python -m tap_live.export.demo --out tap_live/bundles/demo"
SOURCES = (
    "hibari-tts 0.2.1, voice heart (Apache-2.0; distilled from Kokoro-82M, Apache-2.0)",
    "WORLD through pyworld 0.3.5, a tool of which nothing is in the bundle (MIT; BSD-3-Clause)",
)

TRIED = """\
The bird was chosen: of 28 sounds made for this of oscillators and noise, each heard with a voice as
loud and asked away from it by an earlier sound-compact, it went best (10 dB more SI-SDR). A siren
of two tones gained 7 dB, beeps 6, a theremin and a telephone 4, a coffee machine and a hair dryer
3; a piano and a power drill gained nothing, and with rain, the sea, a music box or crickets
it was worse than before. So this part shows what that network can, not what it does on average:
its own card tells that."""

CAFE = Scene(
    voices={
        "Maya": Voice(),
        "Ben": Voice(pitch=0.58, tract=0.86, speed=1.05, level=-26.5, reverberation=-11.0),
    },
    turns=(
        Turn(
            "Maya",
            "Sorry I'm late, Ben. The number nine bus never came. "
            "Did you get my message about the budget?",
        ),
        Turn(
            "Ben",
            "I did. Twelve thousand euros for the whole spring. "
            "That's four thousand more than last year, isn't it?",
            gap=0.45,
        ),
        Turn(
            "Maya",
            "Yes, and half of it is for microphones. "
            "Laura wants six of them in the big meeting room before the end of March.",
            gap=0.35,
        ),
        Turn(
            "Ben",
            "Six of them? I could hardly follow her last Tuesday. "
            "The room is as loud as this cafe.",
        ),
        Turn(
            "Maya",
            "That is exactly why. With the music and the coffee machine, "
            "I only want to hear the person in front of me.",
            gap=0.3,
        ),
        Turn("Ben", "Then let's show her. When do we meet, Wednesday or Thursday?", gap=0.55),
        Turn(
            "Maya",
            "Thursday, the nineteenth of March, at half past two. "
            "Can you bring the numbers for the first three months?",
        ),
        Turn(
            "Ben",
            "Sure. I'll send them to you and Martin tonight, so you can read them on the train.",
            gap=0.4,
        ),
        Turn("Maya", "Perfect. Now, what would you like? The coffee is on me.", gap=0.45),
    ),
    cups=(0.5, 12.5, 34.8, 49.2),
)

READ_ALOUD = {  # what each of them reads to be enrolled, alone and at home
    "Maya": "The sun came through the window and lay on the old piano. "
    "Nobody had played it since my brother moved to Lisbon.",
    "Ben": "Every morning the baker opens his shop at five, and by seven the shelves are empty. "
    "You have to be quick if you want a warm roll.",
}


def enrolments(scene: Scene, texts: Mapping[str, str], speak: Speaker) -> dict[str, Audio]:
    """Let each voice of a scene read a text alone, in a quiet room: (T,) at `RATE`."""
    return {
        name: record(
            replace(
                scene, voices={name: scene.voices[name]}, turns=(Turn(name, text),), cups=(),
                bed=scene.bed - 10, seed=scene.seed + 100,
            ),
            speak,
        ).audio
        for name, text in texts.items()
    }  # fmt: skip


def word_error_rate(audio: Audio, transcript: Transcript, model: str) -> float:
    """Let a Whisper model in CTranslate2's format listen, greedily, and compare."""
    from faster_whisper import WhisperModel
    from jiwer import wer
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    normalise: Callable[[str], str] = EnglishTextNormalizer({})  # type: ignore[no-untyped-call]
    segments, _ = WhisperModel(model, compute_type="int8").transcribe(
        soxr.resample(audio, RATE, 16_000), language="en", beam_size=1
    )
    found = normalise(" ".join(segment.text for segment in segments))
    return float(wer(normalise(" ".join(turn.text for turn in transcript.turns)), found))


def write_sounds(
    out: Path, recording: Recording, overlapped: Recording, enrolled: Mapping[str, Audio]
) -> dict[str, str]:
    """Write all that is heard; return the file of each voice that is enrolled.

    Args:
        enrolled: what each voice reads alone, (T,) at `RATE`.
    """
    out.mkdir(parents=True, exist_ok=True)
    _write_vorbis(out / RECORDING, recording.audio, RATE)
    _write_vorbis(out / OVERLAPPED, overlapped.audio, RATE)
    clips = {name: f"{name.lower()}.ogg" for name in enrolled}
    for name, audio in enrolled.items():
        _write_vorbis(out / clips[name], soxr.resample(audio, RATE, ENROLMENT_RATE), ENROLMENT_RATE)
    return clips


def write_bundle(
    out: Path,
    recording: Recording,
    overlapped: Recording,
    clips: Mapping[str, str],
    measured: Mapping[str, str],
    notes: Sequence[str],
) -> None:
    """Write the transcript, the card and the manifest to the sounds.

    Args:
        clips: the files of the enrolments, by name.
        measured: what each part of the second recording gained.
        notes: lines of the card under "Figures".
    """
    encoded = msgspec.json.encode(recording.transcript)
    (out / TRANSCRIPT).write_bytes(msgspec.json.format(encoded, indent=2) + b"\n")
    notes = [*notes, *(f"taken apart: {figure}" for figure in measured.values())]
    (out / CARD).write_text(_card(recording, overlapped, notes), encoding="utf-8")
    files = (RECORDING, OVERLAPPED, TRANSCRIPT, CARD, *clips.values())
    overlap = Overlap(OVERLAPPED, BIRD, story(overlapped), dict(measured))
    manifest = Manifest(
        format=FORMAT,
        name="demo",
        kind="demo",
        licence=LICENCE,
        made_by=COMMAND,
        sources=SOURCES,
        files={name: file_spec(out / name) for name in files},
        rate=RATE,
        settings={
            "recording": RECORDING,
            "transcript": TRANSCRIPT,
            "seconds": recording.transcript.seconds,
            "enrolments": dict(clips),
            "overlap": msgspec.to_builtins(overlap),
        },
    )
    write_manifest(out, manifest)


def _write_vorbis(path: Path, audio: Audio, rate: int) -> None:
    """Write an Ogg file that every soundfile reads; libvorbis crashes on one block of it all.

    Each has a serial number of its own: a file that is there and sounds the same is left alone.
    """
    new = path.with_suffix(".new")
    with soundfile.SoundFile(
        new, "w", rate, 1, "VORBIS", format="OGG", compression_level=QUALITY
    ) as file:
        for start in range(0, len(audio), rate):
            file.write(audio[start : start + rate])
    if path.exists() and _alike(path, new):
        new.unlink()
    else:
        new.replace(path)


def _alike(one: Path, other: Path) -> bool:
    first, second = (soundfile.read(path, dtype="float32")[0] for path in (one, other))
    return len(first) == len(second) and float(np.abs(first - second).max()) < INAUDIBLE


def _figures(scene: Scene, recording: Recording) -> list[str]:
    audio, transcript = recording.audio, recording.transcript
    peak = 20 * np.log10(np.abs(audio).max())
    words = sum(len(turn.text.split()) for turn in transcript.turns)
    lines = [
        f"{transcript.seconds:.1f} s, {RATE} Hz, mono; "
        f"{len(transcript.turns)} turns, {words} words",
        f"peak {peak:.1f} dBFS; room noise {scene.bed:.0f} dBFS RMS",
    ]
    for name, voice in scene.voices.items():
        pitch = pitch_of(soxr.resample(recording.clean[name], RATE, VOICE_RATE), VOICE_RATE)
        lines.append(f"{name}: median pitch {pitch:.0f} Hz, {voice.level} dBFS RMS while speaking")
    return lines


def _turns(recording: Recording) -> str:
    rows = [
        f"| {turn.start:.2f} | {turn.end:.2f} | {turn.speaker} | {turn.text} |"
        for turn in recording.transcript.turns
    ]
    return "\n".join(["| from, s | to, s | who | words |", "|---|---|---|---|", *rows])


def _card(recording: Recording, overlapped: Recording, notes: Sequence[str]) -> str:
    return f"""# The demo recordings

Two colleagues, Maya and Ben, talk in a cafe; one microphone stands on the table. `tap-live demo`
plays `{RECORDING}` through the live path. `{TRANSCRIPT}` says who speaks when: times are
those of the dry voices, before the room. `maya.ogg` and `ben.ogg` are each of them reading
something else alone: the demo enrols them with it. `{OVERLAPPED}` is taken apart afterwards,
and there {BIRD!r} is asked away:

{fill(story(overlapped), 98)}

Voices, room, its noise, the cups and the bird are made by `export/demo.py`, `overlap.py`,
`studio.py` and `foley.py`, from fixed seeds:

    {NEEDS}
    {COMMAND}

The second voice is the first one transposed (pitch and vocal tract separately). An Ogg file gets
a new serial number each time it is written: in an empty folder another run has other sums and the
same sound.

## Licence

The recordings and the transcript: {LICENCE}, like the rest of TAP Live. Made with:

{chr(10).join(f"- {source}" for source in SOURCES)}

## Figures

{chr(10).join(f"- {note}" for note in notes)}

{TRIED}

## What is said

{_turns(recording)}

At once (`{OVERLAPPED}`):

{_turns(overlapped)}
"""


def main(
    out: Annotated[Path, typer.Option(help="The folder to write the bundle into.")],
    check: Annotated[
        list[str], typer.Option(help="A CTranslate2 Whisper folder that shall listen; repeatable.")
    ] = [],  # noqa: B006 - typer copies it
) -> None:
    """Make the demo bundle."""
    speak = hibari_speaker()
    recording, overlapped = record(CAFE, speak), record(at_once(CAFE.voices), speak)
    clips = write_sounds(out, recording, overlapped, enrolments(CAFE, READ_ALOUD, speak))
    notes = _figures(CAFE, recording)
    for model in check:
        rate = word_error_rate(recording.audio, recording.transcript, model)
        notes.append(
            f"word error rate of {Path(model).name} (faster-whisper, int8, greedy): {rate:.1%}"
        )
    voices = enrolled({name: out / file for name, file in clips.items()})
    measured = measure(overlapped, out / OVERLAPPED, voices)
    write_bundle(out, recording, overlapped, clips, measured, notes)
    print("\n".join([*notes, *measured.values()]))


if __name__ == "__main__":
    typer.run(main)
