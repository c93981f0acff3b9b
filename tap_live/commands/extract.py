"""`tap-live extract`: keep targets of a file, or take them out, as fast as it goes."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from tap_live.audio.files import AudioFile
from tap_live.commands.extracting import Asking, asking
from tap_live.commands.options import Channel, Extractor, Json, Rest, Suppress
from tap_live.errors import ConfigError
from tap_live.events import Device, Failed, Warned
from tap_live.extraction import Extraction, Mixed
from tap_live.outputs.file import FileOutput
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
    report: Annotated[
        Path | None,
        typer.Option(help="Folder with a page to hear and see before and after; added to."),
    ] = None,
    channel: Channel = None,
    json: Json = False,
) -> None:
    """Keep voices or sounds of a file, or take them out: what `run` does, offline."""
    if out is None and report is None:
        raise ConfigError("wanted a file to write, -o OUT.wav, or a folder, --report DIR")
    asked = asking(target, suppress, rest, extractor)
    if not asked.asked or extractor == "none":
        raise ConfigError("wanted something to keep or to take out: add --target or --suppress")
    plan = asked.extracting()
    assert plan is not None  # something is asked for
    with ExitStack() as stack:
        audio = stack.enter_context(AudioFile(file, channel))
        pair = plan_pair(report, file.stem, _in_words(asked)) if report else None
        before = [report / pair.before] if report and pair else []
        after = [path for path in (out, report / pair.after if report and pair else None) if path]
        files = [
            [stack.enter_context(FileOutput(p, audio.rate)) for p in ps] for ps in (before, after)
        ]
        tape = _Tape(audio)
        for mixed in tape.extracted(plan.make(audio.rate, tape.tell)):
            for one in files[0]:
                one.write(mixed.mixture)
            for one in files[1]:
                one.write(mixed.output)
    if report and pair:
        after.append(add_pair(report, pair))
    names = [one.name for one in asked.asked]
    present = {name: round(tape.present[name], 1) for name in names}
    written = [str(path) for path in after]
    _say(Done(str(file), round(tape.seconds, 2), present, written, tape.warnings), json)


class _Tape:
    """A file that is extracted from, and what was noticed on the way."""

    def __init__(self, audio: AudioFile) -> None:
        self.seconds = 0.0
        self.present: defaultdict[str, float] = defaultdict(float)  # seconds
        self.warnings: list[str] = []
        self._audio = audio

    def tell(self, event: Warned | Failed | Device) -> None:
        self.warnings.append(event.text)

    def extracted(self, extraction: Extraction) -> Iterator[Mixed]:
        """Yield all of it, with a progress bar."""
        rate, there = self._audio.rate, set[str]()
        presence, console = Presence(rate), Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task(self._audio.name, total=self._audio.samples)
            for mixed in self._pushed(extraction):
                yield mixed
                seconds = len(mixed.mixture) / rate
                for event in presence.push(mixed):
                    there ^= {event.name}
                for name in there:
                    self.present[name] += seconds
                self.seconds += seconds
                bar.update(task, advance=len(mixed.mixture))

    def _pushed(self, extraction: Extraction) -> Iterator[Mixed]:
        for block in self._audio.blocks(round(BLOCK_S * self._audio.rate), self.tell):
            yield extraction.push(block)
        yield extraction.flush()


def _in_words(asked: Asking) -> str:
    return ", ".join(f"{'without' if one.suppress else 'only'} {one.name}" for one in asked.asked)


def _say(done: Done, json: bool) -> None:
    if json:
        typer.echo(msgspec.json.encode(done))
        return
    for warning in done.warnings:
        typer.echo(f"tap-live: {warning}", err=True)
    for name, seconds in done.present.items():
        typer.echo(f"{name}: there for {seconds:.1f} s of {done.seconds:.1f} s", err=True)
    for path in done.written:
        typer.echo(path)
