"""Whether each target is there: the hearing-assist alert.

A target that is not there leaks: what is extracted is then a small part of the mixture, or
something else. So a target is there when it is loud enough, enough of what is heard, and, where
the extractor can tell, like what was asked for; and it is there or gone for a while before that
is said.
"""

import numpy as np

from tap_live.events import Target
from tap_live.extraction import Mixed
from tap_live.likeness import Likeness
from tap_live.signs import Signs, Thresholds

WINDOW_S = 0.1  # of one look
_SILENT_DB = -120.0


class Presence:
    """Turn what passes into `target` events; positions decide, never the clock."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._length = round(WINDOW_S * rate)
        self._present: set[str] = set()
        self._against: dict[str, int] = {}  # windows on end that speak against what was said
        self._names: tuple[str, ...] = ()
        self._signs: tuple[Signs, ...] = ()
        self._likenesses: dict[str, Likeness] = {}
        self._begin()

    def push(self, mixed: Mixed) -> list[Target]:
        """Take a block; return who came and who went."""
        events = []
        if mixed.names != self._names:
            events = self._forget(set(mixed.names))
            self._names = mixed.names
            self._signs = mixed.signs or (Signs(Thresholds()),) * len(mixed.names)
            self._begin()
            self._compare()
        done = 0
        while done < len(mixed.mixture):
            stop = min(len(mixed.mixture), done + self._length - self._filled)
            self._mixture += float(np.square(mixed.mixture[done:stop]).sum())
            self._energy += np.square(mixed.targets[:, done:stop]).sum(axis=1)
            for name, row in zip(self._names, mixed.targets, strict=True):
                if name in self._likenesses:
                    self._likenesses[name].push(row[done:stop])
            self._filled += stop - done
            done = stop
            if self._filled == self._length:
                events += self._look()
                self._begin()
        return events

    def end(self) -> None:
        """Wait until nothing is compared any more."""
        for likeness in self._likenesses.values():
            likeness.end()

    def _begin(self) -> None:
        self._filled, self._mixture = 0, 0.0
        self._energy = np.zeros(len(self._names))

    def _compare(self) -> None:
        """Go on with those that stay, begin with those that are new."""
        before = self._likenesses
        self._likenesses = {
            name: before.pop(name) if name in before else Likeness(its.liken, self._rate)
            for name, its in zip(self._names, self._signs, strict=True)
            if its.liken
        }
        for gone in before.values():
            gone.end()

    def _look(self) -> list[Target]:
        mixture = _decibels(self._mixture / self._length)
        levels = [_decibels(float(energy) / self._length) for energy in self._energy]
        return [
            event
            for name, its, level in zip(self._names, self._signs, levels, strict=True)
            if (event := self._judge(name, its.thresholds, level, level - mixture))
        ]

    def _judge(self, name: str, its: Thresholds, level: float, beside: float) -> Target | None:
        present = name in self._present
        heard = level > its.quietest
        holds = heard and beside > (its.off if present else its.on)
        if its.like is not None and name in self._likenesses:
            holds = holds and self._likenesses[name].value > its.like
        if holds == present:
            self._against[name] = 0
            return None
        self._against[name] = self._against.get(name, 0) + 1
        if self._against[name] < round((its.leaves if present else its.appears) / WINDOW_S):
            return None
        self._against[name] = 0
        self._present ^= {name}
        return Target(name=name, present=not present, level=level if heard else None)

    def _forget(self, names: set[str]) -> list[Target]:
        gone = sorted(self._present - names)
        self._present &= names
        return [Target(name=name, present=False, level=None) for name in gone]


def _decibels(power: float) -> float:
    return max(_SILENT_DB, float(10 * np.log10(power + 1e-20)))
