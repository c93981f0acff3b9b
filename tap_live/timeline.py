"""Drawings of a stream over one time axis, as HTML: sounds, captions, delays.

Places along the axis are shares of its width, so that the page can stretch it. What a long
stream has too much of to be drawn is drawn in summary: the size of the page is bounded.
"""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path

import numpy as np

from tap_live.journal import Line, SaidWord
from tap_live.spectrogram import Sound, brightest, place, png, spectrogram

INFERNO = (  # matplotlib's, CC0: dark to bright, evenly also for the colour-blind
    (0, 0, 4), (31, 12, 72), (85, 15, 109), (136, 34, 106), (186, 54, 85),
    (227, 89, 51), (249, 140, 10), (249, 201, 50), (252, 255, 164),
)  # fmt: skip
VOICES = 6  # colours; more speakers share them, their names tell them apart
PICTURE_PX, PLOT_PX = 150, 120  # heights, as in the page's style
MOST_BARS = 600  # captions with their words; more are drawn without
MOST_MARKS = 5  # on the axis of delays; there is room for no more
MOST_DOTS = 800  # words in the plot of delays; more are drawn as medians
MEDIANS = 240
TICKS_S = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
HERTZ = (250, 1000, 2000, 4000, 8000)
SAME_DB = 0.5  # sounds that differ less on average are one


@dataclass(frozen=True)
class Utterance:
    """What somebody is known to have said: the truth of a demo."""

    speaker: str
    start: float  # seconds
    end: float
    text: str


@dataclass(frozen=True)
class Axis:
    """The time that is drawn, and the colours of those who speak in it."""

    seconds: float
    colours: Mapping[str, int]

    def span(self, start: float, end: float) -> str:
        left, right = (100 * min(max(0.0, at), self.seconds) / self.seconds for at in (start, end))
        return f"left:{left:.3f}%;width:{max(right - left, 0.05):.3f}%"

    def paint(self, speaker: str | None) -> str:
        colour = self.colour(speaker)
        return f"background:var(--v{colour});border-color:var(--e{colour})"

    def colour(self, speaker: str | None) -> str:
        """The number of a voice's colour; nobody's is the neutral one, without a number."""
        return str(self.colours.get(speaker, "")) if speaker else ""


def colours(speakers: Sequence[str | None]) -> dict[str, int]:
    """A colour for each voice that has a name, in the order in which they speak."""
    names = dict.fromkeys(name for name in speakers if name)
    return {name: index % VOICES for index, name in enumerate(names)}


def pictures(
    mixture: Path | Sound,
    output: Path | Sound | None,
    names: tuple[str, str] = ("mixture", "output"),
) -> tuple[str, bool]:
    """Draw the mixture, and the output where it is something else; say whether it is."""
    levels, top = spectrogram(mixture)
    drawn = [(names[0], levels, top)]
    if output is not None:
        levels_out, top_out = spectrogram(output)
        same = levels.shape == levels_out.shape and np.abs(levels - levels_out).mean() < SAME_DB
        if same:
            drawn = [(f"{names[0]} and {names[1]}, the same", levels, top)]
        else:
            drawn.append((names[1], levels_out, top_out))
    bright = brightest([part for _, part, _ in drawn])
    parts = [
        f'<div class="label">{name}</div><div class="picture">{_hertz_marks(top)}'
        f'<img alt="spectrogram of the {name}" src="data:image/png;base64,'
        f'{base64.b64encode(png(part, bright, INFERNO)).decode("ascii")}"></div>'
        for name, part, top in drawn
    ]
    return "".join(parts), len(drawn) == 2


def ticks(seconds: float) -> str:
    """Draw the time, at a step that leaves room for at most 12 numbers."""
    step = next((step for step in TICKS_S if seconds / step <= 12), TICKS_S[-1])
    return "".join(
        f'<span style="left:{100 * at / seconds:.3f}%">{clock(at)}</span>'
        for at in range(0, int(seconds) + 1, step)
        if at < 0.985 * seconds
    )


def said_lane(said: Sequence[Utterance], axis: Axis) -> str:
    """Draw what is known to have been said, to be compared with the captions below it."""
    if not said:
        return ""
    bars = "".join(
        f'<div class="bar" title="{escape(one.speaker)}: {escape(one.text)}" '
        f'style="{axis.span(one.start, one.end)};'
        f'border-left-color:var(--e{axis.colour(one.speaker)})">'
        f"<b>{escape(one.speaker)}</b> {escape(one.text)}</div>"
        for one in said[:MOST_BARS]
    )
    return f'<div class="label">said</div><div class="lane thin said">{bars}</div>'


def caption_lane(lines: Sequence[Line], axis: Axis) -> str:
    """Draw every line over its time: with its words, or, of a long stream, as a band."""
    if not lines:
        return ""
    drawn = _bands(lines, axis) if len(lines) > MOST_BARS else _bars(lines, axis)
    return f'<div class="label">captions</div>{drawn}'


def delay_plot(words: Sequence[SaidWord], seconds: float) -> str:
    """Draw each word at its end: from the delay at which it was shown up to that of the final."""
    timely = [word for word in words if not word.late]
    if not timely:
        return ""
    points, note = _points(timely, seconds)
    top = max(3.0, 1.1 * float(np.percentile([final for _, _, final in points], 99)))

    def height(delay: float) -> str:
        return f"{top - min(max(delay, 0.0), top):.2f}"

    stems = "".join(f"M{at:.2f} {height(shown)}V{height(final)}" for at, shown, final in points)
    firsts = "".join(f"M{at:.2f} {height(shown)}h0" for at, shown, _ in points)
    finals = "".join(f"M{at:.2f} {height(final)}h0" for at, _, final in points)
    step = max(1, math.ceil(top / MOST_MARKS))
    whole = range(step, int(top) + 1, step)
    grid = "".join(f"M0 {height(second)}H{seconds:.2f}" for second in whole)
    marks = "".join(
        f'<span style="top:{PLOT_PX * float(height(second)) / top:.0f}px">{second} s</span>'
        for second in whole
    )
    stroke = 'fill="none" vector-effect="non-scaling-stroke" stroke-linecap="round"'
    return (
        f'<div class="label">delay of each word after its end{note}: '
        f"{_key('shown')} {_key('final')}</div>"
        f'<div class="plot"><div class="marks">{marks}</div>'
        f'<svg viewBox="0 0 {seconds:.2f} {top:.2f}" preserveAspectRatio="none" role="img" '
        'aria-label="delays of words">'
        f'<path d="{grid}" {stroke} stroke="var(--line)"/>'
        f'<path d="{stems}" {stroke} stroke="var(--soft)" stroke-opacity=".45"/>'
        f'<path d="{finals}" {stroke} stroke="var(--final)" stroke-width="5"/>'
        f'<path d="{firsts}" {stroke} stroke="var(--shown)" stroke-width="5"/>'
        "</svg></div>"
    )


def clock(seconds: float) -> str:
    """Write 75.3 as 1:15."""
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}"


def _hertz_marks(top: float) -> str:
    marks = "".join(
        f'<span style="top:{PICTURE_PX * (1 - place(hertz, top)):.0f}px">{_hertz(hertz)}</span>'
        for hertz in HERTZ
        if hertz < 0.95 * top
    )
    return f'<div class="marks">{marks}</div>'


def _bars(lines: Sequence[Line], axis: Axis) -> str:
    bars = "".join(
        f'<button class="bar" data-from="{line.start:.2f}" data-to="{line.end:.2f}" '
        f'title="{clock(line.start)} {escape(line.text)}" '
        f'style="{axis.span(line.start, line.end)};{axis.paint(line.speaker)}">'
        + (f"<b>{escape(line.speaker)}</b> " if line.speaker else "")
        + f"{escape(line.text)}</button>"
        for line in lines
    )
    return f'<div class="lane">{bars}</div>'


def _bands(lines: Sequence[Line], axis: Axis) -> str:
    """One path a colour; what lies closer than a pixel of a wide screen runs together."""
    nearest = axis.seconds / 4000
    paths = []
    ordered = sorted(lines, key=lambda line: axis.colour(line.speaker))
    for colour, group in groupby(ordered, key=lambda line: axis.colour(line.speaker)):
        spans: list[list[float]] = []
        for line in group:
            if spans and line.start - spans[-1][1] < nearest:
                spans[-1][1] = max(spans[-1][1], line.end)
            else:
                spans.append([line.start, line.end])
        path = "".join(f"M{start:.1f} 0H{end:.1f}V1H{start:.1f}z" for start, end in spans)
        paths.append(f'<path d="{path}" fill="var(--e{colour})"/>')
    return (
        f'<div class="bands"><svg viewBox="0 0 {axis.seconds:.2f} 1" preserveAspectRatio="none" '
        f'role="img" aria-label="when captions were read">{"".join(paths)}</svg></div>'
    )


def _points(
    words: Sequence[SaidWord], seconds: float
) -> tuple[list[tuple[float, float, float]], str]:
    """(end, delay shown, delay final) of each word, or of all words in an interval together."""
    if len(words) <= MOST_DOTS:
        return [(word.end, word.partial_delay, word.final_delay) for word in words], ""
    step = seconds / MEDIANS
    ordered = sorted(words, key=lambda word: word.end)
    points = []
    for interval, group in groupby(ordered, key=lambda word: int(word.end / step)):
        delays = np.median([(word.partial_delay, word.final_delay) for word in group], axis=0)
        points.append(((interval + 0.5) * step, float(delays[0]), float(delays[1])))
    return points, f" (medians of {step:.0f} s)"


def _key(name: str) -> str:
    paint = f"background:var(--{name});border-color:var(--{name})"
    return f'<span class="key"><i class="dot" style="{paint}"></i>{name}</span>'


def _hertz(frequency: int) -> str:
    return f"{frequency / 1000:g} kHz" if frequency >= 1000 else f"{frequency} Hz"
