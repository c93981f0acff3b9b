"""The live view in a terminal: levels, captions, and how the engine keeps up."""

import time
from collections.abc import Iterable

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tap_live.captions.cues import Cue, Cues, fits_a_line
from tap_live.events import (
    AnyEvent,
    Caption,
    Decibels,
    Device,
    Failed,
    Hello,
    Level,
    Stats,
    Target,
    Warned,
)

FLOOR_DB = -60
FINISHED_S = 6.0  # after its last word a line has grown to its end
METER_CELLS = 24
VOICE = "voice:"


def show(
    events: Iterable[AnyEvent], console: Console, title: str, notes: Console | None = None
) -> None:
    """Draw events until the last; elsewhere than on a terminal, finished lines only.

    Args:
        notes: takes warnings and all else that is no caption; None is the console itself.
    """
    view = View(console, title, notes)
    if console.is_terminal:
        with Live(view, console=console, refresh_per_second=10, transient=True):
            _take_all(view, events)
    else:
        _take_all(view, events)


def _take_all(view: "View", events: Iterable[AnyEvent]) -> None:
    for event in events:
        view.take(event)
    view.finish()


class View:
    """The newest of everything that changes; finished lines are printed above it and stay."""

    def __init__(self, console: Console, title: str, notes: Console | None = None) -> None:
        self._console = console
        self._notes = notes or console
        self._title = title
        self._level: Level | None = None
        self._stats: Stats | None = None
        self._cues = Cues(fits_a_line)
        self._partials: dict[int, Caption] = {}
        self._there: frozenset[str] = frozenset()  # targets
        self._at = 0.0

    def take(self, event: AnyEvent) -> None:
        """Keep what a newer event will replace, print what stays."""
        self._at = max(self._at, event.at)
        match event:
            case Level():
                self._level = event
            case Stats():
                self._stats = event
            case Caption(state="partial"):
                self._partials[event.id] = event
            case Caption():
                self._partials.pop(event.id, None)
                for cue in self._cues.push(event):
                    self._console.print(cue_line(cue), soft_wrap=True)
            case Target(name=name, present=present):
                self._take_target(name, present)
            case Hello():
                self._begin(event)
            case Warned(text=text):
                self._note(Text(f"warning: {text}", style="yellow"))
            case Failed(text=text):
                self._note(Text(f"error: {text}", style="bold red"))
            case Device(text=text):
                self._note(Text(text, style="cyan"))
        behind = self._stats.backlog if self._stats else 0.0
        if self._cues.open and self._at - behind > self._cues.open.end + FINISHED_S:
            self.finish()

    def _begin(self, hello: Hello) -> None:
        """Elsewhere than on a terminal nothing else would show that a stream runs."""
        self._title += f" · {hello.rate / 1000:g} kHz"
        if not self._console.is_terminal:
            silent = "" if "captions" in hello.capabilities else ", without captions"
            self._note(Text(f"running: {self._title}{silent}; Ctrl-C ends it"))

    def _note(self, text: Text) -> None:
        self._notes.print(text, soft_wrap=True)

    def _take_target(self, name: str, present: bool) -> None:
        self._there = self._there | {name} if present else self._there - {name}
        if present and not name.startswith(VOICE):  # a sound is worth a line: an alert
            at = time.strftime("%H:%M:%S", time.gmtime(self._at))
            self._console.print(Text(f"{at}  {name}", style="bold yellow"), soft_wrap=True)

    def finish(self) -> None:
        """Print the line that was still growing."""
        if self._cues.open:
            self._console.print(cue_line(self._cues.open), soft_wrap=True)
        self._cues = Cues(fits_a_line)

    def __rich__(self) -> Group:
        line = cue_line(self._cues.open) if self._cues.open else Text()
        for partial in self._partials.values():
            line.append(f" {partial.text}", style="dim italic")
        return Group(line, self._meters(), self._status())

    def _meters(self) -> Table:
        table = Table.grid(padding=(0, 1))
        row: list[Text] = []
        if self._level:
            for name, loudness in (("in", self._level.mixture), ("out", self._level.output)):
                row += [Text(name, style="bold"), meter(loudness.rms, loudness.peak)]
        table.add_row(*row)
        for name, loudness in self._level.targets.items() if self._level else ():
            style = "bold green" if name in self._there else "dim"
            table.add_row(Text(name, style=style), meter(loudness.rms, loudness.peak))
        return table

    def _status(self) -> Text:
        clock = time.strftime("%H:%M:%S", time.gmtime(self._at))
        parts = [f"{self._title} · {clock}"]
        if self._stats:
            parts += [
                f"{name} {100 * stage.share:.0f} % of a core"
                for name, stage in self._stats.stages.items()
            ]
            parts += [f"backlog {self._stats.backlog:.1f} s", f"lost {self._stats.lost}"]
        return Text(" · ".join(parts), style="dim", overflow="ellipsis", no_wrap=True)


def meter(rms: Decibels, peak: Decibels) -> Text:
    """Draw a level as a bar with its peak, and as a number for those who read it."""
    filled, top = _cell(rms), _cell(peak)
    bar = Text("█" * filled, style="green")
    bar.append("─" * max(0, top - filled - 1), style="bright_black")
    if top > filled:
        bar.append("╸", style="red" if peak is not None and peak > -1 else "bright_black")
    bar.append("·" * (METER_CELLS - len(bar)), style="bright_black")
    bar.append(" silent " if rms is None else f" {rms:4.0f} dB")
    return bar


def _cell(level: Decibels) -> int:
    if level is None:
        return 0
    return max(0, min(METER_CELLS, round(METER_CELLS * (1 - level / FLOOR_DB))))


def cue_line(cue: Cue) -> Text:
    """Write what is read at once as a line: time, speaker, words."""
    line = Text(time.strftime("%H:%M:%S  ", time.gmtime(cue.start)), style="bright_black")
    if cue.speaker:
        line.append(f"{cue.speaker}: ", style="bold cyan")
    line.append(cue.text, style="default")
    return line
