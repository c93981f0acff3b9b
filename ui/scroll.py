"""A picture that scrolls: its columns are moments of the stream, the newest at the right.

The buffer is as wide as two pictures and written twice, so that the newest columns always lie
side by side and nothing is ever moved.
"""

import numpy as np
from numpy.typing import NDArray

JITTER = 2  # columns: moments come when a hop is done, not evenly


class ScrollingPicture:
    """Keep the newest `columns` of `rows` bytes each.

    Args:
        a_second: columns of a second.
        empty: what a moment has that was never told.
    """

    def __init__(self, columns: int, rows: int, a_second: float, empty: int = 0) -> None:
        self.columns, self.rows, self.a_second = columns, rows, a_second
        self._empty = empty
        self._pixels = np.full((2 * columns, rows), empty, np.uint8)
        self._end = 0  # columns since the stream began

    @property
    def end_s(self) -> float:
        """Seconds of the stream at the right edge."""
        return self._end / self.a_second

    def restart(self) -> None:
        self._pixels[:] = self._empty
        self._end = 0

    def put(self, seconds: float, column: NDArray[np.uint8] | bytes) -> None:
        """Write what a moment has, (rows,); one before the newest is written where it lies."""
        place, before = int(seconds * self.a_second), self._end
        self.advance(place + 1)
        values = np.frombuffer(column, np.uint8) if isinstance(column, bytes) else column
        first = before if 0 < place - before <= JITTER else place
        for column_place in range(max(first, self._end - self.columns), place + 1):
            at = column_place % self.columns
            self._pixels[at] = self._pixels[at + self.columns] = values

    def fill(self, start: float, stop: float, rows: slice, value: int) -> None:
        """Write rows of a part that is past, as far as it is still shown."""
        first = max(int(start * self.a_second), self._end - self.columns, 0)
        for place in range(first, min(int(stop * self.a_second) + 1, self._end)):
            at = place % self.columns
            self._pixels[at, rows] = self._pixels[at + self.columns, rows] = value

    def advance(self, end: int) -> None:
        """Let the right edge be at a column; what was not told in between stays empty."""
        for place in range(max(self._end, end - self.columns), end):
            at = place % self.columns
            self._pixels[at] = self._pixels[at + self.columns] = self._empty
        self._end = max(self._end, end)

    def view(self) -> NDArray[np.uint8]:
        """(columns, rows), oldest first; the same memory, not a copy."""
        start = self._end % self.columns
        return self._pixels[start : start + self.columns]
