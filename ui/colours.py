"""Colours of both themes, and whether text in them can be read (WCAG 2.2, 1.4.3).

Speakers have the eight colours of Okabe and Ito, which people with any kind of colour-blindness
tell apart, made lighter or darker until they can be read on the theme's ground.
"""

from dataclasses import dataclass
from functools import cache

AA_TEXT, AA_LARGE = 4.5, 3.0  # contrast; the second for large type and what is no text


@dataclass(frozen=True)
class Theme:
    """One set of colours, as #rrggbb."""

    name: str
    ground: str  # behind everything
    panel: str  # groups and lists
    field: str  # what is typed into, buttons
    line: str  # borders
    text: str
    muted: str
    accent: str  # what is chosen
    on_accent: str
    good: str
    watch: str
    bad: str
    partial: str  # words that may still change
    mark: str  # behind what was searched for
    on_mark: str


DARK = Theme(
    name="dark", ground="#14171c", panel="#1b1f26", field="#262c35", line="#3c4452",
    text="#e9ecf1", muted="#a6afbd", accent="#5aa9ff", on_accent="#0b1220", good="#4cc38a",
    watch="#f2b63c", bad="#ff8a80", partial="#98a2b1", mark="#f2d03c", on_mark="#14171c",
)  # fmt: skip
LIGHT = Theme(
    name="light", ground="#f3f5f8", panel="#ffffff", field="#e9edf2", line="#b9c1cc",
    text="#191d23", muted="#505a68", accent="#0b5cad", on_accent="#ffffff", good="#0b6b43",
    watch="#8a5300", bad="#b3261e", partial="#626c7a", mark="#ffe066", on_mark="#191d23",
)  # fmt: skip
THEMES = {theme.name: theme for theme in (DARK, LIGHT)}

_OKABE_ITO = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#0072b2", "#d55e00", "#f0e442")


def speaker_colours(theme: Theme) -> tuple[str, ...]:
    """Colours for speakers in the order in which they are heard."""
    return tuple(readable(colour, theme.panel) for colour in _OKABE_ITO)


def seen_through(theme: Theme, opacity: float) -> str:
    """The panel's colour where the worst lies behind it: what text on it has least contrast to."""
    behind = (0, 0, 0) if luminance(theme.panel) > luminance(theme.text) else (255, 255, 255)
    return _mixed(_rgb(theme.panel), behind, 1 - opacity)


@cache
def readable(colour: str, ground: str, least: float = AA_TEXT) -> str:
    """The colour nearest to one that can be read on a ground."""
    end = (255, 255, 255) if luminance(ground) < 0.18 else (0, 0, 0)
    for step in range(51):
        mixed = _mixed(_rgb(colour), end, step / 50)
        if contrast(mixed, ground) >= least:
            return mixed
    return mixed


def contrast(first: str, second: str) -> float:
    """From 1, the same, to 21, black on white."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Relative, 0 to 1."""
    parts = [value / 255 for value in _rgb(colour)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return sum(weight * v for weight, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mixed(first: tuple[int, int, int], second: tuple[int, int, int], share: float) -> str:
    parts = [round(a + share * (b - a)) for a, b in zip(first, second, strict=True)]
    return "#" + "".join(f"{part:02x}" for part in parts)
