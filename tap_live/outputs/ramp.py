"""Gains that glide, so that nothing begins or ends with a click or a shock."""

import numpy as np

from tap_live.processor import Audio

START_S = 0.8  # the first start: time to take the headset off
FADE_S = 0.03  # later, when the input goes or comes back


class Glide:
    """A gain that moves to where it is sent, along half a cosine."""

    def __init__(self, rate: int, gain: float) -> None:
        self._rate = rate
        self._begin = self._end = gain
        self._done = self._length = 0  # samples of the way

    @property
    def goal(self) -> float:
        return self._end

    @property
    def still(self) -> bool:
        """Whether the gain is where it was sent."""
        return self._done >= self._length

    def go(self, goal: float, seconds: float) -> None:
        """Move from the present gain to `goal`."""
        self._begin = float(self._at(np.array([self._done]))[0])
        self._end = goal
        self._done, self._length = 0, max(1, round(seconds * self._rate))

    def apply(self, block: Audio) -> Audio:
        """Multiply (T,) samples by the gain as it goes on."""
        if self.still:
            return block if self._end == 1 else block * np.float32(self._end)
        gains = self._at(self._done + 1 + np.arange(len(block)))
        self._done += len(block)
        return block * gains.astype(np.float32)

    def _at(self, done: np.ndarray) -> np.ndarray:
        if not self._length:
            return np.full(len(done), self._end)
        way = np.minimum(done / self._length, 1)
        return self._begin + (self._end - self._begin) * (0.5 - 0.5 * np.cos(np.pi * way))


class Ramp:
    """A Processor that lets sound in slowly at the first start, and out and in on demand.

    `turn` may be called from any thread: it is one assignment, looked at once a block.
    """

    lookahead = 0

    def __init__(self, rate: int, start_s: float = START_S, fade_s: float = FADE_S) -> None:
        self._rate = rate
        self._start_s = start_s
        self._fade_s = fade_s
        self._on = True
        self._begin()

    def _begin(self) -> None:
        self._glide = Glide(self._rate, 0.0)
        self._started = False

    def turn(self, on: bool) -> None:
        """Fade to silence, or back."""
        self._on = on

    def push(self, block: Audio) -> Audio:
        goal = 1.0 if self._on else 0.0
        if len(block) and goal != self._glide.goal:
            self._glide.go(goal, self._fade_s if self._started else self._start_s)
            self._started = True
        return self._glide.apply(block)

    def flush(self) -> Audio:
        self._begin()
        return np.empty(0, np.float32)
