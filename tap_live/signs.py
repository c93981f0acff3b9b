"""By which signs a target is said to be there: each network leaks in its own way."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Protocol, Self, runtime_checkable

from tap_live.errors import BundleError
from tap_live.likeness import Liken
from tap_live.processor import Cue, Extractor


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Levels in dB, lengths in seconds.

    A bundle brings its own in its settings, as `presence`; these are for networks that bring none.
    """

    quietest: float = -55.0  # dBFS; less is nothing
    on: float = -5.0  # beside the mixture, from which it is there
    off: float = -6.0  # and below which it is not
    like: float | None = None  # cosine, as `Likeness` has it, from which it is there
    appears: float = 0.2  # on end, before it is said to be there
    leaves: float = 0.5  # likewise gone

    @classmethod
    def of(cls, settings: Mapping[str, object], bundle: str) -> Self:
        """Read a bundle's settings. Raises: BundleError if they are none."""
        given = settings.get("presence", {})
        known = {field.name for field in fields(cls)}
        if not isinstance(given, dict) or not given.keys() <= known:
            raise BundleError(
                f"the presence of bundle {bundle!r} is {given!r}, wanted numbers for some of "
                f"{', '.join(sorted(known))}: export the bundle again or update tap-live"
            )
        numbers = [value for value in given.values() if isinstance(value, int | float)]
        found = cls(**given) if len(numbers) == len(given) else None
        if found is None or found.off > found.on or min(found.appears, found.leaves) < 0:
            raise BundleError(
                f"the presence of bundle {bundle!r} is {given!r}, wanted numbers, off not above "
                "on, and no time below 0: export the bundle again"
            )
        return found

    def settings(self) -> dict[str, object]:
        """As a bundle keeps them."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Signs:
    """What is looked at of one target; without `liken`, at levels alone."""

    thresholds: Thresholds
    liken: Liken | None = None


@runtime_checkable
class Telling(Extractor, Protocol):
    """An extractor that knows by which signs its targets are there."""

    def signs(self, cue: Cue) -> Signs:
        """Those of one of its targets."""
        ...
