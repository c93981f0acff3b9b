"""`tap-live extract`: keep targets of a file, or take them out, as fast as it goes."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from tap_live.audio.files import AudioFile
from tap_live.commands.extracting import Asking, Extracting, asking
from tap_live.commands.options import Channel, Device, Extractor, Json, Rest, Strict, Suppress
from tap_live.commands.placing import say_devices, where_of
from tap_live.commands.warning import warn
from tap_live.errors import ConfigError
from tap_live.events import Device as DeviceChanged
from tap_live.events import Failed, Warned
from tap_live.extraction import Extraction, Mixed
from tap_live.outputs.file import FileOutput, check_format
from tap_live.pairs import add_pair, plan_pair
from tap_live.presence import Presence

BLOCK_S = 0.5


class Done(msgspec.Struct, frozen=True):
    """What `extract --json` prints."""

    file: str
    seconds: float
    present: dict[str, float]  # seconds that each target was there
    written: list[str]
    warnings: list[str]
    devices: dict[str, str]  # where each network ran


def extract(
    file: Annotated[Path, typer.Argument(help="WAV, FLAC, OGG or MP3.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write .wav or .flac.")] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="What is kept: voice:NAME, text:WORDS or clip:FILE, with a gain as in "
            "voice:ana@-3dB. Repeatable."
        ),
    ] = None,
    suppress: Suppress = None,
    rest: Rest = None,
    extractor: Extractor = None,
    device: Device = None,
    strict: Strict = False,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Folder with a page to hear and see before and after; added to. Only what the "
            "same command made before is replaced."
        ),
    ] = None,
    channel: Channel = None,
    json: Json = False,
) -> None:
    """Keep voices or sounds of a file, or take them out, as `run` does.

    Voices better than that: a file has what follows.
    """
    asked = asking(target, suppress, rest, extractor, where_of(device, strict))
    _check(asked, file, out, report)
    with AudioFile(file, channel) as audio:
        plan = asked.extracting(live=False)
        assert plan is not None  # something is asked for
        say_devices(device, plan.devices)
        tape = _Tape(audio)
        with closing(plan):
            what = f"{_in_words(asked)}, by {' and '.join(plan.bundles)}"
            written = _write(tape, plan, out, report, (what, _key(file, asked)))
    looked_for = [one.name for one in asked.asked if one.name not in plan.spared]
    present = {name: round(tape.present[name], 1) for name in looked_for}
    seconds = round(tape.seconds, 2)
    names = [str(path) for path in written]
    _say(Done(str(file), seconds, present, names, tape.warnings, plan.devices), json)
    if tape.failed:
        raise typer.Exit(1)


def _check(asked: Asking, file: Path, out: Path | None, report: Path | None) -> None:
    if out is None and report is None:
        raise ConfigError("wanted a file to write, -o OUT.wav, or a folder, --report DIR")
    if out is not None:
        check_format(out)
    if asked.extractor == "none":
        raise ConfigError("--extractor none takes nothing out: leave it out, or name a bundle")
    if not asked.asked:
        raise ConfigError("wanted something to keep or to take out: add --target or --suppress")
    if out is not None and out.resolve() == file.resolve():
        raise ConfigError(f"'{out}' would be written over while it is read: take another -o")


def _write(
    tape: "_Tape", plan: Extracting, out: Path | None, report: Path | None, note: tuple[str, str]
) -> list[Path]:
    """Extract all of a tape; return the files that a user asked for.

    `note` is what the page says of it, and what tells it from others of its name.
    """
    befores, afters, pages = [], [out] if out else [], []
    if report:
        pair = plan_pair(report, tape.audio.path.stem, *note)
        befores.append(report / pair.before)
        afters.append(report / pair.after)
    with ExitStack() as stack:
        before, after = (
            [stack.enter_context(FileOutput(path, tape.audio.rate)) for path in paths]
            for paths in (befores, afters)
        )
        for mixed in tape.extracted(plan.make(tape.audio.rate, tape.tell)):
            for output in before:
                output.write(mixed.mixture)
            for output in after:
                output.write(mixed.output)
    if report:
        pages.append(add_pair(report, pair))
    return [*afters, *pages]


class _Tape:
    """A file that is extracted from, and what was noticed on the way."""

    def __init__(self, audio: AudioFile) -> None:
        self.seconds = 0.0
        self.present: defaultdict[str, float] = defaultdict(float)  # seconds
        self.warnings: list[str] = []
        self.failed = False  # extraction stayed off
        self.audio = audio

    def tell(self, event: Warned | Failed | DeviceChanged) -> None:
        self.warnings.append(event.text)
        self.failed |= isinstance(event, Failed)

    def extracted(self, extraction: Extraction) -> Iterator[Mixed]:
        """Yield all of it, with a progress bar."""
        rate, there = self.audio.rate, set[str]()
        presence, console = Presence(rate), Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task(self.audio.name, total=self.audio.samples)
            for mixed in self._pushed(extraction):
                yield mixed
                seconds = len(mixed.mixture) / rate
                for event in presence.push(mixed):
                    there ^= {event.name}
                for name in there:
                    self.present[name] += seconds
                self.seconds += seconds
                bar.update(task, advance=len(mixed.mixture))
        presence.end()

    def _pushed(self, extraction: Extraction) -> Iterator[Mixed]:
        size = round(BLOCK_S * self.audio.rate)
        for block in self.audio.blocks(size, self.tell):
            yield from extraction.push(block).cut(size)
        yield from extraction.flush().cut(size)  # of what hears seconds ahead, that long


def _in_words(asked: Asking) -> str:
    return ", ".join(f"{'without' if one.suppress else 'only'} {one.name}" for one in asked.asked)


def _key(file: Path, asked: Asking) -> str:
    gains = (f"{one.name}@{'-inf' if one.suppress else one.gain}" for one in asked.asked)
    return f"{file.resolve()} {' '.join(gains)} rest {asked.rest} {asked.extractor or ''}"


def _say(done: Done, json: bool) -> None:
    if json:
        typer.echo(msgspec.json.encode(done))
        return
    for warning in done.warnings:
        warn(warning)
    for name, seconds in done.present.items():
        typer.echo(f"{name}: there for {seconds:.1f} s of {done.seconds:.1f} s", err=True)
    for path in done.written:
        typer.echo(path)
