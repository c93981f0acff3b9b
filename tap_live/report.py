"""One page that tells what a stream was: sounds, captions, delays, and how the engine kept up.

`write_report` makes one HTML file that needs nothing beside it. Its size is bounded: pictures
have a fixed number of columns, and long streams show fewer details, and say so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from importlib.resources import files
from os.path import relpath
from pathlib import Path
from string import Template
from urllib.parse import quote

import numpy as np

from tap_live.errors import StorageError
from tap_live.events import StageStats
from tap_live.journal import Journal, Line, Spread
from tap_live.pairs import Pairs, section
from tap_live.spectrogram import Sound, seconds_of
from tap_live.timeline import (
    VOICES,
    Axis,
    Utterance,
    caption_lane,
    clock,
    colours,
    delay_plot,
    pictures,
    said_lane,
    ticks,
)

PIXELS_A_SECOND = 90  # where words on the time line can be read
READABLE_S = 240  # a longer stream is first shown whole
MOST_ROWS = 2000  # of the table
PARTIAL_BUDGET_S, FINAL_BUDGET_S = 1.0, 2.0  # medians


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a report tells; sounds are files, or short enough to be in memory."""

    title: str
    journal: Journal
    mixture: Path | Sound
    output: Path | Sound | None = None  # what was played, where it differs
    made: datetime
    facts: Mapping[str, str] = field(default_factory=dict)  # name -> value: version, model, input
    said: Sequence[Utterance] = ()
    pairs: Pairs | None = None  # of files in the page's folder or below


def write_report(path: Path, report: Report) -> None:
    """Write one self-contained HTML page.

    Audio can be played from the page when its file lies in the page's folder or below.

    Raises: StorageError if the page cannot be written;
        soundfile.LibsndfileError if a sound's file is no audio.
    """
    page = render(report, path.parent)
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write the report to {path}: {error.strerror}") from error


def render(report: Report, folder: Path) -> str:
    """Return the page as it is to lie in `folder`."""
    journal, lines = report.journal, report.journal.lines()
    speakers = [one.speaker for one in report.said] + [line.speaker for line in lines]
    axis = Axis(max(seconds_of(report.mixture), 1e-3), colours(speakers))
    drawn, differs = pictures(report.mixture, report.output)
    player = _player(report, folder, differs)
    template = Template((files("tap_live") / "report.html").read_text(encoding="utf-8"))
    readable = axis.seconds <= READABLE_S
    return template.substitute(
        title=escape(report.title),
        facts=_facts(report, axis.seconds),
        tiles=_tiles(journal),
        keys=_keys(axis),
        player=player,
        seconds=f"{axis.seconds:.3f}",
        width=f"{axis.seconds * PIXELS_A_SECOND:.0f}px" if readable else "100%",
        pictures=drawn,
        ticks=ticks(axis.seconds),
        said=said_lane(report.said, axis),
        captions_lane=caption_lane(lines, axis),
        plot=delay_plot(journal.words, axis.seconds),
        delays=_delays(journal),
        stages=_stages(journal),
        incidents=_incidents(journal),
        captions=_captions(lines, axis),
        pairs=_pairs(report.pairs, folder) if report.pairs else "",
        audio_note=", but the recording beside it" if player else "",
    )


def _facts(report: Report, seconds: float) -> str:
    facts = {"made": f"{report.made:%Y-%m-%d %H:%M}", "length": clock(seconds)}
    if report.journal.hello:
        facts["TAP Live"] = report.journal.hello.version
        facts["stream"] = f"{report.journal.hello.rate / 1000:g} kHz"
    return "".join(
        f"<span>{escape(name)} <b>{escape(value)}</b></span>"
        for name, value in {**facts, **report.facts}.items()
    )


def _tiles(journal: Journal) -> str:
    partial, final = journal.delays()
    shares = [_mean_share(stages) for stages in journal.stages.values()]
    tiles = [
        (str(len(journal.words)), "words"),
        (_seconds(partial.median) if partial else "–", "until a word is shown, median"),
        (_seconds(final.median) if final else "–", "until a word is final, median"),
        (f"{sum(shares):.0%}" if shares else "–", "of one core, all stages"),
        (_seconds(journal.backlog), "largest backlog"),
        (str(journal.lost), "samples lost"),
    ]
    return "".join(
        f'<div class="tile"><strong>{value}</strong><span>{name}</span></div>'
        for value, name in tiles
    )


def _keys(axis: Axis) -> str:
    return " ".join(
        f'<span class="key"><i style="{axis.paint(name)}"></i>{escape(name)}</span>'
        for name in list(axis.colours)[:VOICES]
    )


def _player(report: Report, folder: Path, differs: bool) -> str:
    sounds = [("mixture", report.mixture), ("output", report.output if differs else None)]
    sources = {name: source for name, sound in sounds if (source := _beside(sound, folder))}
    if not sources:
        return ""
    buttons = "".join(
        f'<button data-source="{source}" aria-pressed="{str(not index).lower()}">{name}</button>'
        for index, (name, source) in enumerate(sources.items())
    )
    choice = f'<span class="tools">{buttons}</span>' if len(sources) > 1 else ""
    return (
        f'<audio controls preload="metadata" src="{next(iter(sources.values()))}"></audio>'
        '<p id="missing" class="soft" hidden>The recording is no longer beside this page, '
        "or this browser cannot play it.</p>"
        f'<p class="soft hint">{choice}<small>Click a caption or a picture to hear it.</small></p>'
    )


def _beside(sound: Path | Sound | None, folder: Path) -> str | None:
    """The address of a file relative to the page, if it lies in its folder or below."""
    if not isinstance(sound, Path):
        return None
    relative = Path(relpath(sound.resolve(), folder.resolve()))
    if relative.is_absolute() or ".." in relative.parts:
        return None
    return escape("./" + quote(relative.as_posix()))


def _delays(journal: Journal) -> str:
    partial, final = journal.delays()
    late = sum(word.late for word in journal.words)
    note = f'<p class="warn">{late} words came late, after an overload; they are left out.</p>'
    missed = (partial and partial.median > PARTIAL_BUDGET_S) or (
        final and final.median > FINAL_BUDGET_S
    )
    slow = '<p class="warn">Over the budget: captions waited for the machine.</p>'
    return (
        _table(
            ("a word is", "median", "90 %", "worst", "budget"),
            [
                ("shown (partial)", *_spread(partial), f"{PARTIAL_BUDGET_S:.1f} s"),
                ("final", *_spread(final), f"{FINAL_BUDGET_S:.1f} s"),
            ],
        )
        + '<p class="soft"><small>Stream seconds from the end of the word to the event that '
        "carries it. The budget is for the median. A word counts as shown from the partial since "
        "which it has stayed.</small></p>" + (slow if missed else "") + (note if late else "")
    )


def _stages(journal: Journal) -> str:
    if not journal.stages:
        return '<p class="soft">The stream ended before any figures came.</p>'
    rows = [
        (
            name,
            _milliseconds(float(np.median([stage.delay for stage in stages]))),
            _milliseconds(float(np.median([stage.time for stage in stages]))),
            _milliseconds(max(stage.time for stage in stages)),
            f"{_mean_share(stages):.0%}",
        )
        for name, stages in journal.stages.items()
    ]
    return (
        _table(("stage", "delay", "block", "worst", "of a core"), rows)
        + '<p class="soft"><small>Delay is of the stage itself; block is the compute of one, '
        f"median and worst. Largest backlog {_seconds(journal.backlog)}, "
        f"lost samples {journal.lost}, overload {_seconds(journal.overload)}.</small></p>"
    )


def _incidents(journal: Journal) -> str:
    if not journal.incidents:
        return ""
    items = "".join(
        f'<li><span class="soft">{clock(incident.at)}</span> '
        f'<span class="warn">{escape(incident.text)}</span></li>'
        for incident in journal.incidents
    )
    rest = f"<li>and {journal.unlisted} more</li>" if journal.unlisted else ""
    return f'<section><h2>What happened</h2><ul class="incidents">{items}{rest}</ul></section>'


def _captions(lines: Sequence[Line], axis: Axis) -> str:
    if not lines:
        return '<p class="soft">No words were heard.</p>'
    head = "".join(
        f"<th{' class=n' if name != 'words' and name != 'at' else ''}>{name}</th>"
        for name in ("at", "words", "shown after", "final after", "worst")
    )
    body = "".join(_row(line, axis) for line in lines[:MOST_ROWS])
    rest = len(lines) - MOST_ROWS
    note = f'<p class="soft">and {rest} lines more, in the caption files.</p>' if rest > 0 else ""
    return (
        f'<div class="table"><table class="rows"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{note}"
    )


def _row(line: Line, axis: Axis) -> str:
    who = ""
    if line.speaker:
        who = f'<span class="who" style="color:var(--e{axis.colour(line.speaker)})">'
        who += f"{escape(line.speaker)}</span> "
    if line.late:
        cells = '<td class="n" colspan="3">late</td>'
    else:
        measures = {
            "shown": np.median([word.partial_delay for word in line.words]),
            "final": np.median([word.final_delay for word in line.words]),
            "worst": max(word.final_delay for word in line.words),
        }
        cells = "".join(
            f'<td class="n" data-name="{name}">{_seconds(float(value))}</td>'
            for name, value in measures.items()
        )
    return (
        f'<tr><td><button class="at" data-from="{line.start:.2f}" data-to="{line.end:.2f}">'
        f'{clock(line.start)}</button></td><td class="words">{who}{escape(line.text)}</td>'
        f"{cells}</tr>"
    )


def _pairs(pairs: Pairs, folder: Path) -> str:
    text = "".join(f'<p class="soft">{escape(paragraph)}</p>' for paragraph in pairs.text)
    drawn = "".join(section(folder, pair) for pair in pairs.pairs)
    return f'<h2 class="part">{escape(pairs.heading)}</h2>{text}{drawn}'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """First column text, the others numbers."""

    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(
            f'<{tag}{" class=n" if place else ""}>{escape(cell)}</{tag}>'
            for place, cell in enumerate(cells)
        ) + "</tr>"  # fmt: skip

    body = "".join(line(row, "td") for row in rows)
    return (
        f'<div class="table"><table><thead>{line(head, "th")}</thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _spread(spread: Spread | None) -> tuple[str, str, str]:
    if spread is None:
        return "–", "–", "–"
    return _seconds(spread.median), _seconds(spread.p90), _seconds(spread.worst)


def _mean_share(stages: Sequence[StageStats]) -> float:
    return float(np.mean([stage.share for stage in stages]))


def _seconds(value: float) -> str:
    return f"{value:.2f} s"


def _milliseconds(value: float) -> str:
    return f"{1000 * value:.3g} ms" if value < 0.9995 else _seconds(value)
