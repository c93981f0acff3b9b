"""Draw curves and bars as SVG, so that a run can be looked at in any browser."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, MARGIN = 720, 320, 48
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd")


def curves(
    title: str, x_name: str, x: Sequence[float], lines: Mapping[str, Sequence[float]]
) -> str:
    """Draw named curves over common x values; axes run from the smallest to the largest."""
    values = [value for line in lines.values() for value in line]
    left, right = _range(x)
    bottom, top = _range(values)
    parts = [_frame(title, x_name, (left, right), (bottom, top))]
    for number, (name, line) in enumerate(lines.items()):
        points = " ".join(
            f"{_place(a, left, right, WIDTH):.1f},{HEIGHT - _place(b, bottom, top, HEIGHT):.1f}"
            for a, b in zip(x, line, strict=True)
        )
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
        parts.append(_text(WIDTH - 150, 20 + 16 * number, name, colour))
    return _document(parts)


def bars(title: str, x_name: str, values: Sequence[float], width: float) -> str:
    """Draw how many values lie in each bar of some width."""
    first = min(values) // width
    counts = [0] * int(max(values) // width - first + 1)
    for value in values:
        counts[int(value // width - first)] += 1
    left, right, top = first * width, (first + len(counts)) * width, float(max(counts))
    parts = [_frame(title, x_name, (left, right), (0.0, top))]
    for number, count in enumerate(counts):
        a = _place(left + number * width, left, right, WIDTH)
        b = _place(left + (number + 1) * width, left, right, WIDTH)
        y = HEIGHT - _place(count, 0.0, top, HEIGHT)
        parts.append(
            f'<rect x="{a:.1f}" y="{y:.1f}" width="{b - a - 1:.1f}" '
            f'height="{HEIGHT - MARGIN - y:.1f}" fill="{COLOURS[0]}"/>'
        )
    return _document(parts)


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 1, high + 1)


def _place(value: float, low: float, high: float, size: int) -> float:
    """Where a value lies between the margins, in pixels."""
    return MARGIN + (value - low) / (high - low) * (size - 2 * MARGIN)


def _frame(title: str, x_name: str, x: tuple[float, float], y: tuple[float, float]) -> str:
    corner = HEIGHT - MARGIN
    box = f'<path d="M{MARGIN} {MARGIN}V{corner}H{WIDTH - MARGIN}" fill="none" stroke="#888"/>'
    return "\n".join(
        [
            box,
            _text(MARGIN, 24, title),
            _text(WIDTH // 2, HEIGHT - 10, x_name),
            _text(MARGIN, HEIGHT - 28, f"{x[0]:.4g}"),
            _text(WIDTH - MARGIN - 30, HEIGHT - 28, f"{x[1]:.4g}"),
            _text(4, corner, f"{y[0]:.3g}"),
            _text(4, MARGIN + 8, f"{y[1]:.3g}"),
        ]
    )


def _text(x: float, y: float, text: str, colour: str = "#222") -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}">{escape(text)}</text>'


def _document(parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">\n'
        '<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )
