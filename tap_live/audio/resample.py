"""Streaming resampling with soxr, for what is fed at a rate of its own (Whisper, cue encoders)."""

from fractions import Fraction
from functools import lru_cache
from typing import Literal

import numpy as np
import soxr

from tap_live.audio.channels import check_rate
from tap_live.processor import Audio

Quality = Literal["QQ", "LQ", "MQ", "HQ", "VHQ"]


class StreamResampler:
    """A Processor from one rate to another: sample k of the output lies at k / `rate_out`.

    n samples in give exactly round(n * rate_out / rate_in) samples out. At equal rates
    the blocks go through untouched. `lookahead` is in samples at `rate_in`: what soxr
    withholds at most, its filter and its internal blocks together.

    Nothing of soxr's is held before the first block and after `flush`: what is alive when the
    program ends, soxr's binding complains of.
    """

    def __init__(self, rate_in: int, rate_out: int, quality: Quality = "HQ") -> None:
        self.rate_in = check_rate(rate_in, "the stream")
        self.rate_out = check_rate(rate_out, "the wanted stream")
        self._quality = quality
        self._ratio = Fraction(rate_out, rate_in)
        self.lookahead = 0 if rate_in == rate_out else _withheld(self._ratio, quality)
        self._stream: soxr.ResampleStream | None = None
        self._begin()

    def push(self, block: Audio) -> Audio:
        if self._ratio == 1:
            return block
        self._taken += len(block)
        self._stream = self._stream or soxr.ResampleStream(
            self.rate_in, self.rate_out, 1, dtype="float32", quality=self._quality
        )
        ready: Audio = self._stream.resample_chunk(np.ascontiguousarray(block, np.float32))
        self._given += len(ready)
        return ready

    def flush(self) -> Audio:
        if self._stream is None:
            return np.empty(0, np.float32)
        tail = self._stream.resample_chunk(np.empty(0, np.float32), last=True)
        missing = round(self._taken * self._ratio) - self._given
        self._begin()
        return np.pad(tail[:missing], (0, max(0, missing - len(tail))))

    def _begin(self) -> None:
        self._taken = self._given = 0
        self._stream = None


@lru_cache
def _withheld(ratio: Fraction, quality: Quality) -> int:
    """Most input samples that soxr holds back, found by feeding it in small steps.

    It depends on the ratio of the rates only. soxr works in blocks of a few thousand
    samples at most, so the worst case shows within the first of them.
    """
    stream = soxr.ResampleStream(
        ratio.denominator, ratio.numerator, 1, dtype="float32", quality=quality
    )
    step, given, worst = np.zeros(16, np.float32), 0, 0.0
    for taken in range(len(step), 2**16, len(step)):
        given += len(stream.resample_chunk(step))
        worst = max(worst, taken - given / float(ratio))
    return int(np.ceil(worst)) + len(step)  # it may have been worse between two steps
