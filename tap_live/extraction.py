"""Mixture in, what the listener gets out: the Processor that live and offline commands share.

Whatever an extractor does, there is sound: while it is off, or for the moment in which it
failed, the mixture passes through, as late as it would be with it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeAlias

import numpy as np

from tap_live.events import Failed, Warned
from tap_live.mix import Mixer
from tap_live.processor import Audio, Cue, Extractor, Lengthy, Remaking, Sparing, Targets
from tap_live.signs import Signs, Telling

FAILURES = 3  # an extractor that failed this often stays off

TellTrouble: TypeAlias = Callable[[Warned | Failed], None]


@dataclass(frozen=True)
class Wanted:
    """A target and its gain, a factor."""

    cue: Cue
    gain: float = 1.0
    remark: str = ""  # what somebody should know who asked for it

    def counts(self, rest_gain: float) -> bool:
        """Whether it makes a difference: without a gain it is only taken out of the rest."""
        return self.gain > 0 or rest_gain > 0


@dataclass(frozen=True)
class Mixed:
    """The same moment three ways: (T,), (T,) and (K, T), whose rows are the targets' `names`.

    `signs` are those by which each target is there, where the extractor knows.
    `voices` are those that are kept, by name, (T,) each; there are none where none is kept and
    where the mixture passes through.
    """

    mixture: Audio
    output: Audio
    targets: Targets
    names: tuple[str, ...] = ()
    voices: Mapping[str, Audio] = field(default_factory=dict)
    signs: tuple[Signs, ...] = ()

    @property
    def speech(self) -> Audio:
        """What is captioned: the voices that are kept, or else everything."""
        if not self.voices:
            return self.mixture
        return sum(self.voices.values(), np.zeros_like(self.mixture))

    def voice(self, name: str) -> Audio:
        """One of the voices that are kept; silence if others are, everything if none is."""
        if not self.voices:
            return self.mixture
        return self.voices.get(name, np.zeros_like(self.mixture))

    def cut(self, samples: int) -> Iterator["Mixed"]:
        """Yield it in parts of so many samples at most; whole if it is no longer."""
        for start in range(0, max(1, len(self.mixture)), samples):
            part = slice(start, start + samples)
            yield Mixed(
                self.mixture[part],
                self.output[part],
                self.targets[:, part],
                self.names,
                {name: voice[part] for name, voice in self.voices.items()},
                self.signs,
            )

    def apart(self, names: Sequence[str]) -> Audio:
        """(T, C): each of C voices, likewise."""
        return np.stack([self.voice(name) for name in names], axis=1)


class Extraction:
    """Extract targets and mix them with the rest: a `Processor[Mixed]`.

    Without an extractor there are no targets and everything is the rest.

    Args:
        wanted: targets to begin with.
        rest_gain: factor of all that is no target.
        rate: of the stream, for the length of fades.
        tell: told of an extractor's failures.
    """

    def __init__(
        self,
        extractor: Extractor | None = None,
        wanted: Sequence[Wanted] = (),
        *,
        rest_gain: float = 1.0,
        rate: int = 48_000,
        tell: TellTrouble = lambda event: None,
    ) -> None:
        self.lookahead = extractor.lookahead if extractor else 0
        self.step_s = extractor.step_s if isinstance(extractor, Lengthy) else 0.0
        self._extractor = extractor
        self._tell = tell
        self._rate = rate
        self._mixer = Mixer(rate)
        self._failures = 0
        self._bypassed = False
        self._wanted: list[Wanted] = []  # a row each, also of those that are on their way out
        self._leaving: frozenset[str] = frozenset()
        self._position = 0  # samples taken
        self._waiting = np.empty(0, np.float32)  # mixture that was not given yet
        self._dry = False  # gains are, or move to, those of the mixture alone
        self._lead = 0  # samples of it that the extractor did not hear
        self._held = np.empty((0, 0), np.float32)  # rows that were ready when it was turned off
        self.set_targets(wanted, rest_gain)

    def set_targets(self, wanted: Sequence[Wanted], rest_gain: float) -> None:
        """Keep these targets from now on, without a click.

        Raises: what the extractor raises if it cannot extract one; nothing is changed then.
        """
        names = {one.cue.name for one in wanted}
        known = {one.cue.name: one for one in wanted}
        rows = [known.get(one.cue.name, one) for one in self._wanted]
        before = {one.cue.name for one in self._wanted}
        rows += [one for one in wanted if one.cue.name not in before]
        if self._extractor is not None:
            self._extractor.set_cues([one.cue for one in rows])
        if isinstance(self._extractor, Sparing):
            idle = [one.cue.name for one in rows if not one.counts(rest_gain)]
            self._extractor.spare(frozenset(idle))
        self._held = np.pad(self._held, ((0, len(rows) - len(self._held)), (0, 0)))
        self._wanted, self._rest_gain = rows, rest_gain
        self._signs = self._signs_of(rows)
        self._leaving = frozenset(one.cue.name for one in rows) - names
        self._aim(dry=self._dry)
        self._drop_those_that_left()
        for one in wanted:
            if one.remark and one.cue.name not in before:
                self._tell(Warned(code="cue", text=one.remark))

    def bypass(self, on: bool) -> None:
        """Let the mixture pass through, as long as the machine is too slow for more."""
        if on == self._bypassed or self._extractor is None:
            return
        if on and not self._passing:
            found = self._guarded(self._extractor, self._last)
            if found is not None:  # it fades out
                self._held = np.concatenate([self._no_rows(self._lead), found], axis=1)
        self._bypassed = on
        if on:
            self._lead = 0
            self._aim()
        elif not self._passing:
            self._begin_again()

    def after(self, stuck: "Extraction", position: int, why: str) -> Self:
        """Go on, from `position`, for one whose extractor stands still; at its targets."""
        staying = [one for one in stuck._wanted if one.cue.name not in stuck._leaving]
        self._position, self._failures = position, stuck._failures
        self.set_targets(staying, stuck._rest_gain)
        self._fail(why)
        return self

    def push(self, block: Audio) -> Mixed:
        self._position += len(block)
        self._waiting = np.concatenate([self._waiting, block])
        if self._extractor is None:
            return self._give(self._no_rows(len(block)), passing=True)
        if self._passing:
            return self._pass(self.lookahead)
        found = self._guarded(self._extractor, lambda extractor: extractor.push(block))
        if found is None:
            return self._pass(self.lookahead)
        return self._join(found, self.lookahead)

    def flush(self) -> Mixed:
        mixed = self._remainder()
        self._position = self._lead = self._failures = 0
        self._bypassed = False
        self._held = self._no_rows(0)
        if self._extractor is not None:
            self._extractor.restart()
        self._mixer.restart()
        self._aim()
        return mixed

    def rest(self) -> Iterator[Mixed]:
        """Yield what `flush` returns part by part, each a step of the extractor's."""
        extractor, over = self._extractor, self._no_rows(0)
        if isinstance(extractor, Lengthy) and not self._passing:
            parts = extractor.rest()
            while (found := self._guarded(extractor, lambda _: next(parts, over))) is not over:
                if found is None:
                    break
                yield self._join(found, 0)
        yield self.flush()

    def _last(self, extractor: Extractor) -> Targets:
        """What it still gives while it is turned off: all, or as much as one step brings."""
        if not isinstance(extractor, Lengthy):
            return extractor.flush()
        return next((part for part in extractor.rest() if part.shape[1]), self._no_rows(0))

    @property
    def _passing(self) -> bool:
        """Whether the mixture passes through."""
        return self._bypassed or self._failures >= FAILURES

    def _remainder(self) -> Mixed:
        if self._extractor is None or self._passing:
            return self._pass(0)
        found = self._guarded(self._extractor, lambda extractor: extractor.flush())
        return self._pass(0) if found is None else self._join(found, 0)

    def _guarded(
        self, extractor: Extractor, work: Callable[[Extractor], Targets]
    ) -> Targets | None:
        """Rows, or None if the extractor failed; then it begins again, or stays off."""
        try:
            found = work(extractor)
            if np.isfinite(found).all():
                return found
            reason = "its output was not a number"
        except Exception as error:  # whatever a model does, the stream goes on
            reason = str(error)
        self._fail(reason)
        return None

    def _fail(self, reason: str) -> None:
        """Begin again, or stay off, and say so."""
        self._failures += 1
        at = f"{(self._position - len(self._waiting)) / self._rate:.1f} s"
        if self._failures < FAILURES:
            text = f"extraction failed at {at}, the mixture passes and it begins anew: {reason}"
            self._tell(Warned(code="extraction-restarted", text=text))
        else:
            text = f"extraction failed {FAILURES} times and stays off, the mixture passes: {reason}"
            self._tell(Failed(code="extraction-off", text=text))
        self._begin_again()

    def _begin_again(self) -> None:
        """Let the extractor begin with the next sample; all before it passes through."""
        if self._extractor is not None:
            self._extractor.restart()
        self._lead = len(self._waiting)
        self._held = self._no_rows(0)
        self._aim(dry=True)

    def _join(self, found: Targets, late: int) -> Mixed:
        """Give what the extractor found, after what it did not hear."""
        if not self._dry:
            return self._give(found)
        if not found.shape[1]:
            return self._pass(late)
        before = self._give(self._no_rows(self._lead), passing=True)
        self._lead = 0
        self._aim()
        return _joined(before, self._give(found))

    def _pass(self, late: int) -> Mixed:
        """Give the mixture, all but the last `late` samples of it."""
        ready = max(0, len(self._waiting) - late)
        if not self._passing:
            ready = min(ready, self._lead)
        rows = self._no_rows(ready)
        held = min(ready, self._held.shape[1])
        if held:
            rows[:, :held] = self._held[:, :held]
            self._held = self._held[:, held:]
        self._lead = max(0, self._lead - ready)
        return self._give(rows, passing=True)

    def _give(self, rows: Targets, passing: bool = False) -> Mixed:
        ready = rows.shape[1]
        mixture, self._waiting = self._waiting[:ready], self._waiting[ready:]
        output = self._mixer.mix(mixture, rows)
        names = tuple(one.cue.name for one in self._wanted)
        voices = {} if passing else self._voices(rows)
        mixed = Mixed(mixture, output, rows, names, voices, self._signs)
        self._drop_those_that_left()
        return mixed

    def _voices(self, rows: Targets) -> dict[str, Audio]:
        return {
            one.cue.name: row
            for row, one in zip(rows, self._wanted, strict=True)
            if one.cue.kind == "voice" and one.gain > 0 and one.cue.name not in self._leaving
        }

    def _aim(self, dry: bool = False) -> None:
        """Let gains move to what is wanted, or to the mixture alone."""
        self._dry = dry or self._passing
        if self._dry:
            self._mixer.aim([1.0] * len(self._wanted), 1.0)
            return
        # What is re-made is no part of the mixture, which stays whole as the rest.
        lift = self._rest_gain if isinstance(self._extractor, Remaking) else 0.0
        gains = [
            self._rest_gain if one.cue.name in self._leaving else one.gain + lift
            for one in self._wanted
        ]
        self._mixer.aim(gains, self._rest_gain)

    def _drop_those_that_left(self) -> None:
        if not (self._leaving and self._mixer.settled):
            return
        rows = [row for row, one in enumerate(self._wanted) if one.cue.name not in self._leaving]
        self._mixer.keep(rows)
        self._wanted = [self._wanted[row] for row in rows]
        self._signs = self._signs_of(self._wanted)
        self._leaving = frozenset()
        self._held = self._held[rows] if len(self._held) else self._held
        if self._extractor is not None:
            self._extractor.set_cues([one.cue for one in self._wanted])

    def _signs_of(self, wanted: Sequence[Wanted]) -> tuple[Signs, ...]:
        if not isinstance(self._extractor, Telling):
            return ()
        return tuple(self._extractor.signs(one.cue) for one in wanted)

    def _no_rows(self, samples: int) -> Targets:
        return np.zeros((len(self._wanted), samples), np.float32)


def _joined(first: Mixed, second: Mixed) -> Mixed:
    voices = {
        name: np.concatenate([first.voice(name), voice]) for name, voice in second.voices.items()
    }
    return Mixed(
        np.concatenate([first.mixture, second.mixture]),
        np.concatenate([first.output, second.output]),
        np.concatenate([first.targets, second.targets], axis=1),
        second.names,
        voices,
        second.signs,
    )
