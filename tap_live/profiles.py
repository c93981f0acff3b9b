"""Which shapes a graph may be given: an engine is built for all of them, and takes no others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tap_live.errors import ConfigError

Ranges: TypeAlias = Mapping[str, tuple[int, int, int]]
"""Axes of any length by their names: the least, the usual and the most that an engine takes.

Likewise the values of an input that shapes depend on, by its name."""

FIXED: Ranges = {}


@dataclass(frozen=True)
class Shapes:
    """What one input may be: at least, usually, at most."""

    least: tuple[int, ...]
    usual: tuple[int, ...]
    most: tuple[int, ...]

    @property
    def fixed(self) -> bool:
        return self.least == self.most


def shapes_of(
    inputs: Iterable[tuple[str, Sequence[int | str]]], ranges: Ranges
) -> dict[str, Shapes]:
    """The shapes of inputs, whose free axes are names. Raises: ConfigError: one has no range."""
    return {name: _shapes(name, axes, ranges) for name, axes in inputs}


def written(shapes: Mapping[str, Shapes], which: Literal["least", "usual", "most"]) -> str:
    """As NVIDIA's programs and ONNX Runtime want them: `x:1x80x2,y:1`."""
    return ",".join(f"{n}:{'x'.join(map(str, getattr(s, which)))}" for n, s in shapes.items())


def _shapes(name: str, axes: Sequence[int | str], ranges: Ranges) -> Shapes:
    lengths = [_lengths(name, axis, ranges) for axis in axes]
    least, usual, most = zip(*lengths, strict=True) if lengths else ((), (), ())
    return Shapes(least, usual, most)


def _lengths(name: str, axis: int | str, ranges: Ranges) -> tuple[int, int, int]:
    if isinstance(axis, int):
        return axis, axis, axis
    try:
        return ranges[axis]
    except KeyError:
        raise ConfigError(
            f"axis {axis!r} of {name!r} may have any length, and no range was given"
        ) from None
