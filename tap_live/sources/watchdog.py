"""Notice that a device's callback has stopped coming."""

from tap_live.audio.clock import Clock

TICK_S = 0.1  # between two looks
PATIENCE_S = 1.0  # PortAudio's ALSA side hides a dead device behind made-up blocks after 2 s
FIRST_S = 5.0  # a sleeping null sink takes 2 s to wake, and fills its buffer before that
AWAKE_LOOKS = 10  # with beats, after which it is awake


class Watchdog:
    """Count a callback's beats against the clock.

    `beat` runs on the callback, `stalled` on one other thread, every `TICK_S`. A look
    that came late, because the whole machine stood still, counts as one tick: the
    callback had no chance either.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beats = 0
        self.restart()

    def restart(self) -> None:
        """Begin again, with a device that has just been opened."""
        self._seen = self._beats
        self._quiet_s = 0.0
        self._alive = 0  # looks that found new beats
        self._looked = self._clock.now()

    def beat(self) -> None:
        self._beats += 1

    def stalled(self) -> bool:
        """Whether the callback has been due for too long."""
        now, beats = self._clock.now(), self._beats
        passed, self._looked = now - self._looked, now
        if beats != self._seen:
            self._seen, self._quiet_s = beats, 0.0
            self._alive += 1
        else:
            self._quiet_s += min(passed, 2 * TICK_S)
        return self._quiet_s > (PATIENCE_S if self.awake else FIRST_S)

    @property
    def awake(self) -> bool:
        """Whether the callback has been coming for a while."""
        return self._alive >= AWAKE_LOOKS
