"""What a running stream keeps, and how loud; changed by commands, one after the other."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tap_live.errors import ConfigError, NotPossibleError
from tap_live.events import Decibels, SetTarget
from tap_live.extraction import Wanted
from tap_live.mix import factor
from tap_live.processor import TargetKind
from tap_live.service.clips import data_folder, inside
from tap_live.targets import MOST, Asked, Cues, EmbeddedCue, parse_target

LOUDEST_DB, QUIETEST_DB = 24.0, -120.0


class Kept(Protocol):
    """What of a live stream this changes."""

    def set_targets(self, wanted: Sequence[Wanted], rest_gain: float) -> None: ...


class LiveMix:
    """Targets with their gains, and the rest.

    Args:
        asked: what the stream began with.
        kinds: of targets that it has a network for.
        rest_gain: a factor.
        clips: the folder that `clip:` names a file of.
        embed: finds the numbers of cues.
    """

    def __init__(
        self,
        live: Kept,
        asked: Sequence[Asked] = (),
        kinds: Collection[TargetKind] = (),
        rest_gain: float = 1.0,
        clips: Path | None = None,
        embed: Callable[[Sequence[Asked]], list[EmbeddedCue]] | None = None,
    ) -> None:
        self._live, self._kinds, self._rest_gain = live, frozenset(kinds), rest_gain
        self._asked = {one.name: one for one in asked} if kinds else {}
        self._began_with = frozenset(self._asked)  # the user's own files, not a message's
        self._clips = clips or data_folder() / "clips"
        self._embed = embed or Cues().of

    def set_rest(self, rest: Decibels) -> None:
        """Raises: ConfigError if that is no gain."""
        self._rest_gain = factor(_checked(rest))
        self._apply(self._asked)

    def set_target(self, command: SetTarget) -> dict[str, Any]:
        """Add a target, or change the one of that name.

        Raises: NotPossibleError if there is no network for it; as `parse_target` and `Cues.of`.
        """
        one = parse_target(command.target, suppress=command.suppress)
        if "@" not in command.target.removeprefix(one.name):
            one = replace(one, gain=_checked(command.gain))
        self.check_kind(one.kind, one.name)
        asked = {**self._asked, one.name: one}
        if len(asked) > MOST:
            raise ConfigError(f"at most {MOST} targets at once: remove one first")
        self._apply(asked)
        return {"target": one.name}

    def check_kind(self, kind: TargetKind, name: str) -> None:
        """Raises: NotPossibleError if the stream has no extractor for a kind of target."""
        if kind not in self._kinds:
            raise NotPossibleError(
                f"this stream has no extractor for a {kind}: "
                f"start it with one, as `tap-live run --target {name!r}`"
            )

    def remove(self, name: str) -> None:
        """Raises: NotPossibleError if there is none of that name."""
        if name not in self._asked:
            there = ", ".join(self._asked) or "none"
            raise NotPossibleError(f"there is no target {name!r}, only {there}")
        self._apply({other: one for other, one in self._asked.items() if other != name})

    def state(self) -> dict[str, Any]:
        """Say what is kept and how loud, in dB; None is minus infinity."""
        rest = None if self._rest_gain == 0 else round(float(20 * np.log10(self._rest_gain)), 2)
        targets = [
            {"name": one.name, "gain": None if one.suppress else one.gain, "suppress": one.suppress}
            for one in self._asked.values()
        ]
        return {"targets": targets, "rest": rest}

    def _apply(self, asked: dict[str, Asked]) -> None:
        cues = self._embed([self._with_its_file(one) for one in asked.values()])
        wanted = [
            Wanted(
                replace(cue, name=one.name), 0.0 if one.suppress else factor(one.gain), cue.remark
            )
            for cue, one in zip(cues, asked.values(), strict=True)
        ]
        self._live.set_targets(wanted, self._rest_gain)
        self._asked = asked

    def _with_its_file(self, one: Asked) -> Asked:
        if one.scheme != "clip" or one.name in self._began_with:
            return one
        return replace(one, value=str(inside(self._clips, one.value)))


def _checked(gain: Decibels) -> Decibels:
    if gain is not None and not QUIETEST_DB <= gain <= LOUDEST_DB:
        raise ConfigError(
            f"a gain lies between {QUIETEST_DB:.0f} and {LOUDEST_DB:.0f} dB, or is null; "
            f"found {gain:g}"
        )
    return gain
