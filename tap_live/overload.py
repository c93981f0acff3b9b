"""Whether the machine keeps up with a live stream; if not, extraction rests for a while."""

from dataclasses import dataclass

from tap_live.events import Warned


@dataclass(frozen=True, kw_only=True)
class OverloadConfig:
    """When extraction gives way; seconds of the stream."""

    late: float = 0.25  # behind the microphone: the machine is too slow
    caught_up: float = 0.05
    burst: float = 1.5  # less than that may come at once, as after a gap, and be worked off as long
    rest: float = 2.0  # before it is tried again, twice as long each time
    longest: float = 64.0
    steady: float = 60.0  # after so long it counts as the first time again


class Overload:
    """Watch how far a worker is behind; `resting` says whether the mixture should pass.

    Attributes:
        rested: seconds of the stream that it passed so far.
    """

    def __init__(self, rate: int, config: OverloadConfig | None = None) -> None:
        self.resting = False
        self.rested = 0.0
        self._config = config or OverloadConfig()
        self._rate = rate
        self._rest = self._config.rest
        self._since = 0.0  # of the last change
        self._end = 0  # of the stream at the last look
        self._burst: float | None = None  # when much came at once that is still worked off

    def watch(self, position: int, end: int) -> Warned | None:
        """Take how far the worker is and the stream is, in samples; say what changes."""
        now, behind = end / self._rate, (end - position) / self._rate
        excused = self._came_at_once(now, behind, (end - self._end) / self._rate)
        self.rested += self.resting * (end - self._end) / self._rate
        self._end = end
        if not self.resting and behind > self._config.late and not excused:
            if now - self._since > self._config.steady:
                self._rest = self._config.rest
            self.resting, self._since = True, now
            text = f"this machine is too slow, extraction is {behind:.2f} s behind: "
            text += "everything is heard until it can go on"
            return Warned(code="extraction-slow", text=text, start=now)
        rested = now - self._since >= self._rest
        if self.resting and rested and behind <= self._config.caught_up:
            text = f"extraction goes on; everything was heard for {now - self._since:.1f} s"
            warned = Warned(code="extraction-recovered", text=text, start=self._since, stop=now)
            self.resting, self._since = False, now
            self._rest = min(2 * self._rest, self._config.longest)
            return warned
        return None

    def _came_at_once(self, now: float, behind: float, came: float) -> bool:
        """Whether the worker is behind because of a burst, which says nothing about the machine."""
        if behind <= self._config.caught_up:
            self._burst = None
        elif self._burst is None and self._config.late < came < self._config.burst:
            self._burst = now
        return self._burst is not None and now - self._burst <= self._config.burst
