"""Draw how often a voice is missed, and a stranger taken for it, against the threshold."""

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 560, 340
_LEFT, _TOP, _RIGHT, _BOTTOM = 56, 24, 16, 48
_RANGE = (-8.0, 8.0)  # log-likelihood ratio
_MOST = 0.25  # rate at the top


def error_curves(
    same: NDArray[np.float32], different: NDArray[np.float32], chosen: float, title: str
) -> str:
    """Return an SVG of both rates; the equal error rate and the chosen threshold are marked.

    Args:
        same: (N,) log-likelihood ratios of pieces of the enrolled voice.
        different: (M,) those of strangers.
        chosen: the threshold in use.
    """
    at = np.linspace(*_RANGE, 321)
    missed = np.searchsorted(np.sort(same), at) / len(same)
    taken = 1 - np.searchsorted(np.sort(different), at) / len(different)
    equal = int(np.argmin(np.abs(missed - taken)))
    use = int(np.argmin(np.abs(at - chosen)))
    marks = [
        _line(at, missed, "#1f77b4"),
        _line(at, taken, "#d62728"),
        _dot(at[equal], missed[equal], f"equal error rate {100 * missed[equal]:.1f} %"),
        _rule(at[use]),
        _dot(at[use], missed[use], f"missed {100 * missed[use]:.1f} %"),
        _dot(at[use], taken[use], f"taken {100 * taken[use]:.1f} %"),
    ]
    return "\n".join([_head(title), *_axes(), *marks, "</svg>\n"])


def _x(ratio: float) -> float:
    low, high = _RANGE
    return _LEFT + (ratio - low) / (high - low) * (WIDTH - _LEFT - _RIGHT)


def _y(rate: float) -> float:
    return HEIGHT - _BOTTOM - min(rate, _MOST) / _MOST * (HEIGHT - _TOP - _BOTTOM)


def _head(title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="11">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n'
        f'<text x="{_LEFT}" y="15" font-size="12">{title}</text>'
    )


def _axes() -> list[str]:
    bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    below = "log-likelihood ratio from which a name is given"
    return [
        f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="black"/>',
        *(_text(_x(k), bottom + 16, "middle", str(k)) for k in range(-8, 9, 2)),
        *(_text(_LEFT - 6, _y(k / 100) + 4, "end", f"{k} %") for k in range(0, 26, 5)),
        _text((_LEFT + right) / 2, HEIGHT - 10, "middle", below),
        _text(right - 4, _TOP + 14, "end", "voice missed", "#1f77b4"),
        _text(right - 4, _TOP + 28, "end", "stranger taken for it", "#d62728"),
    ]


def _text(x: float, y: float, anchor: str, text: str, colour: str = "black") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}">{text}</text>'


def _line(at: NDArray[np.float64], rate: NDArray[np.float64], colour: str) -> str:
    points = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in zip(at[::2], rate[::2], strict=True))
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _rule(ratio: float) -> str:
    x = _x(ratio)
    return f'<path d="M{x:.1f} {_TOP}V{HEIGHT - _BOTTOM}" stroke="grey" stroke-dasharray="4 3"/>'


def _dot(ratio: float, rate: float, text: str) -> str:
    x, y = _x(ratio), _y(rate)
    label = f'<text x="{x + 7:.1f}" y="{y - 5:.1f}">{text}</text>'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>{label}'
