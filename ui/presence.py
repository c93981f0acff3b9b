"""When each target was there, as lanes beside the spectrograms."""

from collections.abc import Sequence

import numpy as np

from tap_live.events import Target
from tap_live.ui.scroll import ScrollingPicture

LANES = 8
NOBODY, ABSENT, PRESENT = 0, 1, 2
_HEIGHT = 4  # rows a lane, of which the last is a gap


class Lanes:
    """Turn `target` events into a picture of up to eight lanes, the first on top."""

    def __init__(self, columns: int, a_second: float) -> None:
        self.picture = ScrollingPicture(columns, LANES * _HEIGHT, a_second)
        self.names: tuple[str, ...] = ()
        self.present: dict[str, bool] = {}

    def show(self, names: Sequence[str]) -> None:
        """Give each of these targets a lane."""
        self.names = tuple(names)[:LANES]

    def take(self, event: Target) -> None:
        self.present[event.name] = event.present

    def restart(self) -> None:
        self.picture.restart()
        self.present.clear()

    def spoke(self, name: str, start: float, stop: float) -> None:
        """A target was heard in this part of the stream, as captions tell it afterwards."""
        if name in self.names:
            top = self.picture.rows - self.names.index(name) * _HEIGHT
            self.picture.fill(start, stop, slice(top - _HEIGHT + 1, top), PRESENT)

    def put(self, seconds: float) -> None:
        """Draw this moment."""
        column = np.full(self.picture.rows, NOBODY, np.uint8)
        for lane, name in enumerate(self.names):
            top = self.picture.rows - lane * _HEIGHT
            state = PRESENT if self.present.get(name) else ABSENT
            column[top - _HEIGHT + 1 : top] = state
        self.picture.put(seconds, column)
