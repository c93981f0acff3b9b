"""One row of caption ids out of several."""

from msgspec.structs import replace

from tap_live.events import Caption


class Numbering:
    """Number captions of several captioners anew, in the order in which they begin to be shown.

    Args:
        first_id: of the first caption.
    """

    def __init__(self, first_id: int = 0) -> None:
        self._next_id = first_id
        self._open: dict[int, tuple[int, int]] = {}  # of each captioner: its own id, and ours

    def of(self, captioner: int, caption: Caption) -> Caption:
        """Give a caption of this captioner, whose own ids only rise, an id that no other has."""
        if self._open.get(captioner, (-1, -1))[0] != caption.id:
            self._open[captioner] = caption.id, self._next_id
            self._next_id += 1
        return replace(caption, id=self._open[captioner][1])
