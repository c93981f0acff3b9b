"""Play a recording to a captioner against a virtual clock, and see when each word left.

The stream goes on as in real time; the captioner works on it as one thread with a core of
its own: a block is begun when it is complete and all blocks before it are done, and takes
the CPU seconds that it took here. Nothing is waited for.
"""

import difflib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tap_live.captions.agreement import bare
from tap_live.captions.vad import RATE
from tap_live.events import Caption, Word
from tap_live.processor import Audio, Processor

BLOCK = 512  # samples
NEAR = 0.6  # seconds by which two decoders may place one word apart


@dataclass(frozen=True)
class Left:
    """A caption, and when it left: stream seconds with the compute that it took."""

    at: float
    caption: Caption


@dataclass(frozen=True)
class Replay:
    """Everything that came out of one stream."""

    captions: tuple[Left, ...]
    spent: tuple[float, ...]  # CPU seconds, one a block
    seconds: float

    @property
    def text(self) -> str:
        """All finals."""
        return "".join(word.text for _, word in self.finals)

    @property
    def finals(self) -> list[tuple[float, Word]]:
        """Final words in the order in which they left, and when."""
        finals = [left for left in self.captions if left.caption.state == "final"]
        return [(left.at, word) for left in finals for word in left.caption.words]

    def share(self, start: float = 0.0, stop: float | None = None) -> float:
        """Return the share of one core that a part of the stream took; times in seconds."""
        first, last = round(start * RATE / BLOCK), round((stop or self.seconds) * RATE / BLOCK)
        return sum(self.spent[first:last]) / ((stop or self.seconds) - start)


def replay(captioner: Processor[list[Caption]], audio: Audio) -> Replay:
    """Caption a recording, block by block."""
    captions: list[Left] = []
    spent: list[float] = []
    free = 0.0  # when the captioner has nothing left to do
    for start in range(0, len(audio), BLOCK):
        block = audio[start : start + BLOCK]
        begun = time.process_time()
        found = captioner.push(block)
        spent.append(time.process_time() - begun)
        free = max(free, (start + len(block)) / RATE) + spent[-1]
        captions += [Left(free, caption) for caption in found]
    captions += [Left(free, caption) for caption in captioner.flush()]
    return Replay(tuple(captions), tuple(spent), len(audio) / RATE)


def together(replays: Sequence[Replay]) -> Replay:
    """Join what captioners of a voice each, with a core each, made of the same stream."""
    captions = sorted((left for one in replays for left in one.captions), key=lambda left: left.at)
    spent = tuple(sum(blocks) for blocks in zip(*(one.spent for one in replays), strict=True))
    return Replay(tuple(captions), spent, replays[0].seconds)


@dataclass(frozen=True)
class Delays:
    """Seconds from the end of a word until it was shown, and until it was final."""

    shown: tuple[float, ...]
    final: tuple[float, ...]
    words: int  # that could have been


def delays(stream: Replay, said: Sequence[Word]) -> Delays:
    """Compare a stream with the words of a decoder that had all the time in the world.

    A word counts where both have it, at about the same time.
    """
    final = [
        at - word.end
        for word, (at, found) in _matched(said, stream.finals)
        if abs(found.end - word.end) <= NEAR
    ]
    seen: dict[str, list[tuple[float, float]]] = {}
    for left in stream.captions:
        for word in left.caption.words:
            seen.setdefault(bare(word.text), []).append((left.at, word.end))
    shown = []
    for word in said:
        times = [at for at, end in seen.get(bare(word.text), ()) if abs(end - word.end) <= NEAR]
        if times:
            shown.append(min(times) - word.end)
    return Delays(tuple(shown), tuple(final), len(said))


def _matched(
    said: Sequence[Word], found: Sequence[tuple[float, Word]]
) -> Iterable[tuple[Word, tuple[float, Word]]]:
    matcher = difflib.SequenceMatcher(
        None, [bare(word.text) for word in said], [bare(word.text) for _, word in found], False
    )
    for block in matcher.get_matching_blocks():
        for n in range(block.size):
            yield said[block.a + n], found[block.b + n]


def median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else float("nan")
