"""`tap-live enrol`: teach a voice, from a clip or from the microphone."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from tap_live.audio.files import read_audio
from tap_live.commands.options import Channel, Json
from tap_live.commands.parts import open_input
from tap_live.errors import AudioError
from tap_live.events import Device, Warned
from tap_live.follow import Follower
from tap_live.processor import Audio
from tap_live.ring import RingBuffer
from tap_live.sources.source import RingSink, Source
from tap_live.voices.enrolment import Enroller, Enrolment
from tap_live.voices.recognition import check_same
from tap_live.voices.store import MICROPHONE, STORED, Voice, VoiceStore, check_name

LONGEST_S = 300.0  # of a clip; more adds nothing


class Report(msgspec.Struct, frozen=True):
    """What `enrol --json` prints."""

    name: str
    stored: str
    clips: int
    speech: float
    level: float
    snr: float
    likeness: float
    findings: dict[str, str]


def enrol(
    name: Annotated[str, typer.Argument(help="What to call the voice.")],
    clip: Annotated[
        Path | None,
        typer.Option("--from", help="A recording of that voice alone. [default: the microphone]"),
    ] = None,
    input: Annotated[
        str | None,
        typer.Option("--input", "-i", help="The microphone, by name or number."),
    ] = None,
    seconds: Annotated[float, typer.Option(help="How long to record.", min=5.0, max=120.0)] = 10.0,
    channel: Channel = None,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Add a clip that does not sound like the enrolled voice."),
    ] = False,
    json: Json = False,
) -> None:
    """Enrol a voice, or add a clip to one: several clips know it better."""
    check_name(name)
    console = Console(stderr=True)

    def tell(event: Device | Warned) -> None:
        if isinstance(event, Warned) and event.code != "clipped":  # the verdict says it
            console.print(f"warning: {event.text}", markup=False)

    if clip is None:
        source = open_input(input, channel=channel)
        audio, rate, made_from = record(source, seconds, console), source.rate, MICROPHONE
    else:
        audio, rate = read_audio(clip, tell, channel)
        made_from = clip.name
    if len(audio) > LONGEST_S * rate:
        console.print(f"only the first {LONGEST_S:.0f} s are used")
        audio = audio[: round(LONGEST_S * rate)]
    day = datetime.now(UTC).date().isoformat()
    enrolment = Enroller.open().enrol(name, audio, rate, source=made_from, day=day)
    store = VoiceStore()
    found = enrolment.accepted()
    voice = store.add(found) if anyway else store.add(found, check_same)
    _report(enrolment, voice, store.folder / f"{name}.json", json)


def record(source: Source, seconds: float, console: Console) -> Audio:
    """Record from a source with a progress bar; (T,) at its rate.

    Raises: AudioError if it ends before a sound came; what the source raises.
    """
    wanted = round(seconds * source.rate)
    ring = RingBuffer(wanted + source.rate)
    reader = Follower(ring, block=source.rate // 10, on_gap=lambda start, stop: None)
    heard: list[Audio] = []
    console.print(f"speak for {seconds:.0f} s; only one voice, no music", markup=False)
    with (
        Progress(console=console, transient=True, disable=not console.is_terminal) as bar,
        source.feed(RingSink(ring, lambda: reader.position), lambda event: None),
    ):
        task = bar.add_task("recording", total=wanted)
        for block in reader.blocks(lambda: source.ended):
            heard.append(block.copy())
            bar.update(task, advance=len(block))
            if sum(map(len, heard)) >= wanted:
                break
    if source.error is not None and not heard:
        raise source.error
    if not heard:
        raise AudioError(f"'{source.name}' gave no sound to enrol a voice from")
    return np.concatenate(heard)[:wanted]


def _report(enrolment: Enrolment, voice: Voice, path: Path, json: bool) -> None:
    figures = enrolment.figures
    if json:
        report = Report(
            name=voice.name,
            stored=str(path),
            clips=len(voice.clips),
            speech=round(voice.speech, 1),
            level=round(figures.level, 1),
            snr=round(figures.snr, 1),
            likeness=round(figures.likeness, 2),
            findings={finding.code: finding.text for finding in enrolment.findings},
        )
        typer.echo(msgspec.json.encode(report))
        return
    for finding in enrolment.findings:
        typer.echo(f"warning: {finding.text}")
    clips = "one clip" if len(voice.clips) == 1 else f"{len(voice.clips)} clips"
    typer.echo(f"{voice.name} is enrolled: {voice.speech:.0f} s of speech in {clips}.")
    typer.echo(f"Stored in {path}, for you alone to read: {STORED}.")
    typer.echo(f"`tap-live voices delete {voice.name!r}` removes it.")
