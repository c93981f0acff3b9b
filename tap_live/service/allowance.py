"""What one connection may use of the service: so much at once, and so much a second."""


class Allowance:
    """Fills up with time, to `at_once` at most; the clock is anything that only goes forward."""

    def __init__(self, a_second: float, at_once: float, now: float) -> None:
        self._a_second, self._at_once = a_second, at_once
        self._left, self._at = at_once, now

    def spend(self, cost: float, now: float) -> bool:
        """Take a cost off; False if that was more than there is."""
        earned = (now - self._at) * self._a_second
        self._left = min(self._at_once, self._left + earned) - cost
        self._at = now
        return self._left >= 0
