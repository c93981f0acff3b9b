"""Captions of a stream at any rate: from its first sound on, resampled for Whisper."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
from msgspec.structs import replace

from tap_live.audio.resample import StreamResampler
from tap_live.captions.numbering import Numbering
from tap_live.captions.onset import Onset
from tap_live.captions.vad import RATE, WINDOW
from tap_live.events import Caption
from tap_live.processor import Audio, Processor

MakeCaptioner: TypeAlias = Callable[[float, int], Processor[list[Caption]]]
"""Makes a captioner whose stream begins at a time (seconds) and a caption id."""


class CaptionStream:
    """Caption what is pushed; live and offline commands share it.

    Args:
        start: position of the first sample in the stream.
        first_id: of the captions.
    """

    def __init__(
        self, make_captioner: MakeCaptioner, rate: int, *, start: int = 0, first_id: int = 0
    ) -> None:
        self._make, self._rate = make_captioner, rate
        self._start, self._first_id = start, first_id
        self._onset = Onset(rate)
        self._resampler = StreamResampler(rate, RATE)
        self._captioner: Processor[list[Caption]] | None = None

    def push(self, block: Audio) -> list[Caption]:
        """Take (T,) samples at the stream rate."""
        return list(self.hear(block))

    def flush(self) -> list[Caption]:
        """Return the last captions; it is not as new afterwards."""
        return list(self.end())

    def hear(self, block: Audio) -> Iterator[Caption]:
        """As `push`, but each caption comes before what may fail next is done."""
        yield from self._hear(self._onset.push(block))

    def end(self) -> Iterator[Caption]:
        """As `flush`, likewise."""
        yield from self._hear(self._onset.flush())
        if self._captioner is not None:
            yield from self._caption(self._captioner, self._resampler.flush())
            yield from self._within(self._captioner.flush())

    def _hear(self, audio: Audio) -> Iterator[Caption]:
        if not len(audio):
            return
        if self._captioner is None:
            begin = (self._start + self._onset.start) / self._rate
            self._captioner = self._make(begin, self._first_id)
        yield from self._caption(self._captioner, self._resampler.push(audio))

    def _caption(self, captioner: Processor[list[Caption]], audio: Audio) -> Iterator[Caption]:
        """Push (T,) samples at 16 kHz in pieces, for a captioner that fails gives nothing."""
        for start in range(0, len(audio), WINDOW):
            yield from self._within(captioner.push(audio[start : start + WINDOW]))

    def _within(self, captions: list[Caption]) -> list[Caption]:
        """Let nothing begin before the stream: a sound at once has silence put before it."""
        begin = self._start / self._rate
        return [_not_before(begin, c) if c.start < begin else c for c in captions]


class CaptionStreams:
    """Caption several channels at once, each by a captioner of its own.

    Args:
        makers: one for each channel.
        start: position of the first sample in the stream.
        first_id: of the captions, whose ids no two channels share.
    """

    def __init__(
        self, makers: Sequence[MakeCaptioner], rate: int, *, start: int = 0, first_id: int = 0
    ) -> None:
        self._streams = [CaptionStream(make, rate, start=start) for make in makers]
        self._numbering = Numbering(first_id)

    def hear(self, block: Audio) -> Iterator[Caption]:
        """Take (T, C) samples at the stream rate; each caption comes as soon as it is there."""
        for channel, stream in enumerate(self._streams):
            for caption in stream.hear(np.ascontiguousarray(block[:, channel])):
                yield self._numbering.of(channel, caption)

    def end(self) -> Iterator[Caption]:
        """Yield the last captions."""
        for channel, stream in enumerate(self._streams):
            for caption in stream.end():
                yield self._numbering.of(channel, caption)


def _not_before(begin: float, caption: Caption) -> Caption:
    words = tuple(
        replace(word, start=max(begin, word.start), end=max(begin, word.end))
        for word in caption.words
    )
    return replace(caption, start=begin, end=max(begin, caption.end), words=words)
