"""Whose speech is captioned: the place where voices are verified."""

from collections.abc import Sequence
from typing import Protocol

from tap_live.captions.vad import Edge
from tap_live.processor import Audio


class Gate(Protocol):
    """Turn regions of speech into the turns that are captioned.

    It may name a region's speaker, leave a region out, or cut it where the speaker
    changes; its edges follow the same grammar. An edge may be given late: then
    `lookahead` is how late at most, and no word younger than that becomes final.
    """

    lookahead: int

    def push(self, audio: Audio, edges: Sequence[Edge]) -> Sequence[Edge]:
        """Take the next samples with the edges noticed in them."""
        ...

    def flush(self, edges: Sequence[Edge]) -> Sequence[Edge]:
        """Take the last edges; return the rest, so that every region ends."""
        ...


class Everyone:
    """Caption all speech, whoever speaks."""

    lookahead = 0

    def push(self, audio: Audio, edges: Sequence[Edge]) -> Sequence[Edge]:
        return edges

    def flush(self, edges: Sequence[Edge]) -> Sequence[Edge]:
        return edges
