"""`tap-live demo`: the live engine on a shipped recording, as if it came from the microphone."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from tap_live.audio.files import read_audio
from tap_live.bundle import Bundle, open_bundle
from tap_live.commands.apart import open_networks, take_apart
from tap_live.commands.captioning import captioning
from tap_live.commands.options import Device, Json, Language, Strict, Whisper
from tap_live.commands.placing import say_devices, where_of
from tap_live.commands.watch import watch
from tap_live.journal import Journal
from tap_live.live import Live
from tap_live.parts import Parts
from tap_live.recorder import MIXTURE, OUTPUT
from tap_live.report import Report, write_report
from tap_live.sources.file import FileSource
from tap_live.spectrogram import seconds_of
from tap_live.timeline import Utterance
from tap_live.voices.enrolment import Enroller
from tap_live.voices.store import Voice
from tap_live.voices.targets import gate_of

BUNDLE = Path(__file__).parents[1] / "bundles" / "demo"
FOLDER = Path("tap-live-demo")


def demo(
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the recording, captions and report. [default: a new one]"),
    ] = None,
    whisper: Whisper = None,
    language: Language = None,
    device: Device = None,
    strict: Strict = False,
    json: Json = False,
) -> None:
    """Play a shipped conversation through the live path, and report on it."""
    bundle = open_bundle(BUNDLE, "demo")
    clips = msgspec.convert(bundle.manifest.settings["enrolments"], dict[str, str])
    voices = enrolled({name: bundle.path(file) for name, file in clips.items()})
    where = where_of(device, strict)
    listener = captioning(whisper, language, make_gate=gate_of(voices, "label"), where=where)
    folder = out or _new_folder()
    page = folder / "report.html"
    source = FileSource(bundle.path(str(bundle.manifest.settings["recording"])), paced=True)
    journal = Journal()
    parts = Parts(
        source=source,
        make_captioner=listener.make,
        record=folder,
        bundles=("demo", *listener.bundles),
    )
    facts = {
        "Input": f"the demo bundle, {source.rate / 1000:g} kHz",
        "Captions": f"{listener.bundles[0]} on {listener.model.device}",
        "Enrolled": " and ".join(voice.name for voice in voices),
    }
    with open_networks(where) as networks:
        say_devices(device, listener.devices | {one.name: one.device for one in networks.values()})
        watch(Live(parts), "demo", json=json, take=journal.take)
        report = _report(bundle, folder, journal, facts)
        write_report(page, report)  # before there is more to wait for
        if seconds_of(folder / MIXTURE) > source.samples / source.rate - 1:  # not ended by the user
            pairs = take_apart(bundle, voices, networks, folder)
            write_report(page, replace(report, pairs=pairs))
    Console(stderr=True).print(f"The recording, captions and report.html are in {folder}")


def _report(bundle: Bundle, folder: Path, journal: Journal, facts: Mapping[str, str]) -> Report:
    return Report(
        title="TAP Live demo",
        journal=journal,
        mixture=folder / MIXTURE,
        output=folder / OUTPUT,
        made=datetime.now(UTC),
        facts=facts,
        said=_transcript(bundle),
    )


def enrolled(clips: Mapping[str, Path]) -> list[Voice]:
    """Enrol those who talk from clips of their own, by name; nothing of it is kept."""
    enroller = Enroller.open()
    voices = []
    for name, file in clips.items():
        audio, rate = read_audio(file, lambda warning: None)
        voices.append(enroller.enrol(name, audio, rate, source=file.name, day="").accepted())
    return voices


def _transcript(bundle: Bundle) -> tuple[Utterance, ...]:
    path = bundle.path(str(bundle.manifest.settings["transcript"]))
    turns = msgspec.json.decode(path.read_bytes())["turns"]
    return tuple(msgspec.convert(turn, Utterance) for turn in turns)


def _new_folder() -> Path:
    """Name a folder that is not there yet: an earlier demo is kept."""
    names = (FOLDER if n == 1 else FOLDER.with_name(f"{FOLDER.name}-{n}") for n in count(1))
    return next(name for name in names if not name.exists())
