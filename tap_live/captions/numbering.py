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
        self._open: dict[tuple[int, int], int] = {}  # ours, by captioner and its own

    def of(self, captioner: int, caption: Caption) -> Caption:
        """Give a caption of this captioner an id that no other has: one until it is final."""
        own = captioner, caption.id
        if own not in self._open:
            self._open[own] = self._next_id
            self._next_id += 1
        ours = self._open.pop(own) if caption.state == "final" else self._open[own]
        return replace(caption, id=ours)
