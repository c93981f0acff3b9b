"""The live view in a terminal: levels, captions, and how the engine keeps up."""

import time
from collections.abc import Iterable

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tap_live.events import (
    AnyEvent,
    Caption,
    Decibels,
    Device,
    Failed,
    Hello,
    Level,
    Stats,
    Warned,
)

FLOOR_DB = -60
METER_CELLS = 24


def show(events: Iterable[AnyEvent], console: Console, title: str) -> None:
    """Draw events until the last; on a terminal live, elsewhere finals as lines."""
    view = View(console, title)
    if not console.is_terminal:
        for event in events:
            view.take(event)
        return
    with Live(view, console=console, refresh_per_second=10, transient=True):
        for event in events:
            view.take(event)


class View:
    """The newest of everything that changes; finals are printed above it and stay."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._level: Level | None = None
        self._stats: Stats | None = None
        self._partials: dict[int, Caption] = {}
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
                self._console.print(final_line(event))
            case Hello(rate=rate):
                self._title += f" · {rate / 1000:g} kHz"
            case Warned(text=text):
                self._console.print(Text(f"warning: {text}", style="yellow"))
            case Failed(text=text):
                self._console.print(Text(f"error: {text}", style="bold red"))
            case Device(text=text):
                self._console.print(Text(text, style="cyan"))

    def __rich__(self) -> Group:
        lines = [Text(c.text, style="dim italic") for c in self._partials.values() if c.words]
        return Group(*lines, self._meters(), self._status())

    def _meters(self) -> Table:
        table = Table.grid(padding=(0, 1))
        row: list[Text] = []
        if self._level:
            for name, loudness in (("in", self._level.mixture), ("out", self._level.output)):
                row += [Text(name, style="bold"), meter(loudness.rms, loudness.peak)]
        table.add_row(*row)
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


def final_line(caption: Caption) -> Text:
    """Write a final as a line: time, speaker, words."""
    clock = time.strftime("%H:%M:%S", time.gmtime(caption.start))
    line = Text(f"{clock}  ", style="bright_black")
    if caption.speaker:
        line.append(f"{caption.speaker}: ", style="bold cyan")
    line.append(caption.text, style="default")
    return line
