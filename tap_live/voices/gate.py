"""Whose turn it is: regions of speech become turns of enrolled voices and of others.

gate = VoiceGate(encoder, scorer, voices, GateConfig(others="hide"))
StreamingCaptioner(recogniser, vad, gate=gate)

After every pause somebody else may go on, and now and then without one. Between those
changes the evidence of 0.2 s steps adds up (a hidden Markov model whose states are the
voices and `other`), and a step is decided when it is sure or when it has waited long
enough. What goes on after a pause is held back until it is known whose it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tap_live.captions.vad import RATE, Edge
from tap_live.captions.vad import WINDOW as VAD_WINDOW
from tap_live.errors import ConfigError
from tap_live.processor import Audio
from tap_live.voices.encoder import LENGTHS, SpeakerEncoder
from tap_live.voices.hearing import Hearing, Step
from tap_live.voices.scoring import Print, Scorer

OTHER = "other"
Others = Literal["show", "hide", "label"]
_STEP_S = 0.2
_EVIDENCE = 3  # steps; shorter windows say little, and now and then are sure of it


@dataclass(frozen=True, kw_only=True)
class GateConfig:
    """How sure the gate must be; lengths in seconds of speech, odds as probabilities."""

    others: Others = "label"  # captioned without a name, not at all, or as "other"
    threshold: float = 1.0  # log-likelihood ratio at which a name is as likely as not
    weight: float = 2.0  # of a step's evidence: windows that share it agree too late otherwise
    wait: float = 0.6  # a decision waits so long while somebody goes on
    sure: float = 0.95  # after a pause, a decision that need not wait
    held: float = 0.8  # a less sure one waits so long
    clear: float = 0.8  # and one with less up to 1.6
    least: float = 0.75  # a name is not given with less
    stay: float = 0.6  # that the same goes on after a pause
    change: float = 0.02  # that somebody else goes on without one, a step

    def __post_init__(self) -> None:
        if self.others not in ("show", "hide", "label"):
            raise ConfigError(f"others={self.others!r}: want show, hide or label")
        if not 0.5 <= self.least <= self.clear <= self.sure < 1:
            raise ConfigError(
                f"least={self.least}, clear={self.clear}, sure={self.sure}: "
                "want 0.5 <= least <= clear <= sure < 1"
            )
        for wait in (self.wait, self.held):
            if not _STEP_S <= wait <= 5:
                raise ConfigError(f"{wait} s for a decision: want {_STEP_S} to 5")
        if not 0 < self.weight <= 10:
            raise ConfigError(f"weight={self.weight}: want more than 0, at most 10")
        if not (0 < self.stay < 1 and 0 < self.change < 1):
            raise ConfigError(f"stay={self.stay}, change={self.change}: want odds between 0 and 1")


class VoiceGate:
    """Name, leave out and cut regions of speech; a `Gate` of the captioner.

    Args:
        voices: name and print of everybody enrolled who is asked for.
    """

    def __init__(
        self,
        encoder: SpeakerEncoder,
        scorer: Scorer,
        voices: dict[str, Print],
        config: GateConfig | None = None,
    ) -> None:
        self._config = config or GateConfig()
        self._hearing = Hearing(encoder, scorer, list(voices.values()))
        self._names = [*voices, OTHER]
        self._wait = round(self._config.wait / _STEP_S)
        self._held = round(self._config.held / _STEP_S)
        self.lookahead = round((self._config.wait + _STEP_S) * RATE) + 2 * VAD_WINDOW
        self._restart()

    def push(self, audio: Audio, edges: Sequence[Edge]) -> list[Edge]:
        """Take the next samples at 16 kHz with the edges noticed in them."""
        self._position += len(audio)
        self._hearing.push(audio)
        turns: list[Edge] = []
        for edge in edges:
            turns += self._take(edge)
        if self._begun is not None and self._hearing.count != self._counted:
            turns += self._decide()
        return turns

    def flush(self, edges: Sequence[Edge]) -> list[Edge]:
        turns = [turn for edge in edges for turn in self._take(edge)]
        self._restart()
        return turns

    def _restart(self) -> None:
        self._hearing.restart()
        self._position = 0
        self._begun: int | None = None  # where the open stretch of speech began
        self._entering = np.full(len(self._names), 1 / len(self._names))  # odds before its steps
        self._decided = 0  # of its steps
        self._counted = 0  # steps of the stream that were looked at
        self._label: str | None = None  # whose its last decided step is
        self._turn: str | None = None  # whose turn is open, among those that are captioned
        self._paused: Edge | None = None  # where the open turn paused

    def _take(self, edge: Edge) -> list[Edge]:
        if edge.kind in ("start", "resume"):
            self._begun, self._decided, self._label = edge.position, 0, None
            self._entering = self._moved(self._entering, 1 - self._config.stay)
            self._hearing.begin(edge.position)
            return []
        again = edge.kind == "pause" and self._begun is None  # a murmur within a pause
        turns = self._finish() if self._begun is not None else []
        if self._turn is None or again:
            return turns
        if edge.kind == "pause":
            self._paused = edge
        else:
            self._turn = self._paused = None
        return [*turns, edge]

    def _finish(self) -> list[Edge]:
        """Speech pauses: decide what is left of the stretch by what there is."""
        self._hearing.end()
        turns = self._decide(all_of_it=True)
        steps = self._hearing.steps()
        if not steps:  # too short to tell whose it is
            turns += self._give(OTHER, None, self._start_of_stretch())
        for step in steps:
            self._forget(step)
        self._begun = None
        return turns

    def _decide(self, all_of_it: bool = False) -> list[Edge]:
        """Decide the steps that are sure or have waited, or all."""
        turns: list[Edge] = []
        steps, self._counted = self._hearing.steps(), self._hearing.count
        odds = self._smoothed(steps)
        while self._decided < len(steps):
            now = odds[self._decided]
            if not (all_of_it or self._ripe(len(steps) - self._decided, now)):
                break
            turns += self._hear(steps[self._decided], now)
            self._decided += 1
        while not all_of_it and len(steps) > LENGTHS and self._decided:
            self._forget(steps.pop(0))  # no later window covers it
        return turns

    def _ripe(self, heard: int, odds: NDArray[np.float64]) -> bool:
        """Whether a step is decided, `heard` steps after it began.

        What begins after a pause is held back and can wait longer if it is in doubt.
        """
        if self._label is not None:
            return heard > self._wait
        if heard > LENGTHS:
            return True
        if self._names[int(odds.argmax())] == OTHER:  # so seem the first sounds of many a voice
            return heard > self._held and odds.max() >= self._config.sure
        clear = odds.max() >= (self._config.clear if heard > self._held else self._config.sure)
        return bool(clear) and heard >= _EVIDENCE

    def _hear(self, step: Step, odds: NDArray[np.float64]) -> list[Edge]:
        """Take the odds of one step; return what changes."""
        best = int(odds.argmax())
        name = self._names[best]
        if odds[best] < self._config.least:  # in doubt nothing changes, and no name is given
            name = self._label or OTHER
        if name == self._label:
            return []
        position = self._start_of_stretch() if self._label is None else step.position
        return self._give(name, float(odds[best]), position)

    def _start_of_stretch(self) -> int:
        assert self._begun is not None
        return self._begun

    def _give(self, name: str, confidence: float | None, position: int) -> list[Edge]:
        """Let `name` have the turn from `position` on."""
        self._label = name
        if name == self._turn and self._paused is not None:
            self._paused = None
            return [Edge("resume", position, self._position)]
        turns = []
        if self._turn is not None:
            stop = position if self._paused is None else self._paused.position
            turns.append(Edge("end", stop, self._position))
        self._paused = None
        captioned = name != OTHER or self._config.others != "hide"
        self._turn = name if captioned else None
        if captioned:
            speaker = None if name == OTHER and self._config.others == "show" else name
            turns.append(Edge("start", position, self._position, speaker, confidence))
        return turns

    def _smoothed(self, steps: Sequence[Step]) -> NDArray[np.float64]:
        """Odds of every step given all of them: (S, K + 1), rows sum to 1."""
        likely = [self._likelihood(step) for step in steps]
        forward, entering = [], self._entering
        for likelihood in likely:
            forward.append(_normal(entering * likelihood))
            entering = self._moved(forward[-1], self._config.change)
        backward = np.ones(len(self._names))
        smoothed = []
        for filtered, likelihood in zip(reversed(forward), reversed(likely), strict=True):
            smoothed.append(_normal(filtered * backward))
            backward = _normal(self._moved(likelihood * backward, self._config.change))
        return np.array(smoothed[::-1]).reshape(len(steps), len(self._names))

    def _forget(self, step: Step) -> None:
        """Keep of the oldest step only what it says about the next."""
        filtered = _normal(self._entering * self._likelihood(step))
        self._entering = self._moved(filtered, self._config.change)
        self._hearing.drop(1)
        self._decided -= 1

    def _likelihood(self, step: Step) -> NDArray[np.float64]:
        """(K + 1,) relative to a stranger's, the largest 1."""
        ratios = step.ratios - self._config.threshold / LENGTHS
        ratios = np.append(self._config.weight * ratios, 0.0)
        return np.asarray(np.exp(ratios - ratios.max()), np.float64)

    def _moved(self, odds: NDArray[np.float64], change: float) -> NDArray[np.float64]:
        """Odds after a moment at which somebody else goes on with probability `change`.

        The matrix is symmetric: it serves both directions.
        """
        others = (odds.sum() - odds) / max(1, len(odds) - 1)
        return np.asarray((1 - change) * odds + change * others)


def _normal(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(odds / odds.sum())
