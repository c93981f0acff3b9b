"""A picture of `tap-live bench --model`: rows a second over the rows of a batch."""

from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from tap_live.bench_graphs import BATCHES, Figure
from tap_live.errors import StorageError

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 300, 60, 210, 30, 40
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#7f7f7f")


def write_plot(path: Path, figures: Sequence[Figure]) -> None:
    """Write an SVG: throughput of each graph, over its own at one row. Raises: StorageError."""
    try:
        path.write_text(plot(figures), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


def plot(figures: Sequence[Figure]) -> str:
    """What larger batches bring: 1 is no gain, the dashed line is a gain of as many as rows."""
    lines = _curves(figures)
    most = max([1.0, *(gain for points in lines.values() for _, gain in points)])
    ideal = _line([(batch, min(batch, most)) for batch in BATCHES], most, "#999", "4 3")
    drawn = [ideal]
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        drawn.append(_line(points, most, colour))
        drawn.append(_text(WIDTH - RIGHT + 12, TOP + 15 * (number + 1), name, colour))
    return "\n".join([_frame(most), *drawn, "</svg>\n"])


def _curves(figures: Sequence[Figure]) -> dict[str, list[tuple[int, float]]]:
    lines: dict[str, list[tuple[int, float]]] = {}
    for key, group in groupby(figures, key=lambda one: (one.model, one.graph)):
        its = list(group)
        first = next(one for one in its if one.batch == 1)
        points = [(one.batch, one.rows_a_s / first.rows_a_s) for one in its if one.way == first.way]
        if len(points) > 1:
            lines[f"{key[0]} {key[1]}, {first.way}"] = points
    return lines


def _x(batch: int) -> float:
    return LEFT + BATCHES.index(batch) * (WIDTH - LEFT - RIGHT) / (len(BATCHES) - 1)


def _y(gain: float, most: float) -> float:
    return HEIGHT - BOTTOM - gain / most * (HEIGHT - TOP - BOTTOM)


def _line(points: Sequence[tuple[int, float]], most: float, colour: str, dash: str = "") -> str:
    path = " ".join(f"{_x(batch):.1f},{_y(gain, most):.1f}" for batch, gain in points)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashed}/>'


def _text(x: float, y: float, words: str, colour: str = "black") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}">{escape(words)}</text>'


def _frame(most: float) -> str:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    ticks = [_text(_x(batch) - 3, bottom + 15, str(batch)) for batch in BATCHES]
    levels = [_text(LEFT - 30, _y(gain, most) + 4, f"{gain:.1f}") for gain in (1.0, most)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            'font-family="sans-serif" font-size="11">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
            f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="black"/>',
            _text(LEFT, TOP - 12, "rows a second, over those of one row at a time"),
            _text((LEFT + right) / 2 - 40, bottom + 32, "rows of a batch"),
            *ticks,
            *levels,
        ]
    )
