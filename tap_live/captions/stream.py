"""Captions of a stream at any rate: from its first sound on, resampled for Whisper."""

from collections.abc import Callable
from typing import TypeAlias

from msgspec.structs import replace

from tap_live.audio.resample import StreamResampler
from tap_live.captions.onset import Onset
from tap_live.captions.vad import RATE
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
        return self._hear(self._onset.push(block))

    def drain(self) -> list[Caption]:
        """Hear what is still on its way to the captioner; `flush` comes next."""
        captions = self._hear(self._onset.flush())
        if self._captioner is not None:
            captions += self._within(self._captioner.push(self._resampler.flush()))
        return captions

    def flush(self) -> list[Caption]:
        """Return the last captions; it is not as new afterwards."""
        captions = self.drain()
        if self._captioner is not None:
            captions += self._within(self._captioner.flush())
        return captions

    def _hear(self, audio: Audio) -> list[Caption]:
        if not len(audio):
            return []
        if self._captioner is None:
            begin = (self._start + self._onset.start) / self._rate
            self._captioner = self._make(begin, self._first_id)
        return self._within(self._captioner.push(self._resampler.push(audio)))

    def _within(self, captions: list[Caption]) -> list[Caption]:
        """Let nothing begin before the stream: a sound at once has silence put before it."""
        begin = self._start / self._rate
        return [_not_before(begin, c) if c.start < begin else c for c in captions]


def _not_before(begin: float, caption: Caption) -> Caption:
    words = tuple(
        replace(word, start=max(begin, word.start), end=max(begin, word.end))
        for word in caption.words
    )
    return replace(caption, start=begin, end=max(begin, caption.end), words=words)
