"""Captions of a stream at any rate: from its first sound on, resampled for Whisper."""

from collections.abc import Callable
from typing import TypeAlias

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

    def flush(self) -> list[Caption]:
        """Return the last captions; nothing comes after them."""
        captions = self._hear(self._onset.flush())
        if self._captioner is not None:
            captions += self._captioner.push(self._resampler.flush())
            captions += self._captioner.flush()
        return captions

    def _hear(self, audio: Audio) -> list[Caption]:
        if not len(audio):
            return []
        if self._captioner is None:
            begin = (self._start + self._onset.start) / self._rate
            self._captioner = self._make(begin, self._first_id)
        return self._captioner.push(self._resampler.push(audio))
