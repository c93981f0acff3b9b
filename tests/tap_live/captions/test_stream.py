import numpy as np
import pytest

from tap_live.captions.stream import CaptionStream
from tap_live.captions.vad import RATE
from tap_live.events import Caption, Word

STREAM_RATE = 48_000


class Echo:
    """Captions once, at the end: how many samples it heard, and when they began."""

    lookahead = 0

    def __init__(self, start, first_id):
        self.start, self.id, self.heard = start, first_id, np.zeros(0, np.float32)

    def push(self, audio):
        self.heard = np.concatenate([self.heard, audio])
        return []

    def flush(self):
        loudest = self.start + int(np.argmax(self.heard)) / RATE
        word = Word(str(len(self.heard)), loudest, loudest, 1.0)
        return [Caption(id=self.id, revision=0, state="final", start=loudest, end=loudest,
                        words=(word,))]  # fmt: skip


def pulse(at):
    """Two seconds with one smooth pulse, its top at a time in seconds."""
    times = np.arange(2 * STREAM_RATE) / STREAM_RATE
    return (0.5 * np.exp(-(((times - at) / 0.001) ** 2))).astype(np.float32)


@pytest.mark.parametrize("at", [0.01, 0.2, 1.5])
def test_times_are_those_of_the_stream_wherever_the_first_sound_is(at):
    stream = CaptionStream(Echo, STREAM_RATE, start=10 * STREAM_RATE, first_id=3)
    assert stream.push(pulse(at)) == []
    (caption,) = stream.flush()
    assert caption.id == 3
    assert caption.start == pytest.approx(10 + at, abs=2 / RATE)


def test_a_silent_stream_has_no_captions():
    stream = CaptionStream(Echo, STREAM_RATE)
    assert stream.push(np.zeros(STREAM_RATE, np.float32)) + stream.flush() == []


def test_nothing_begins_before_the_stream():
    class Early(Echo):
        def flush(self):
            word = Word(" at", self.start, self.start + 0.6, 1.0)
            return [Caption(id=0, revision=0, state="final", start=word.start, end=word.end,
                            words=(word,))]  # fmt: skip

    stream = CaptionStream(Early, STREAM_RATE, start=10 * STREAM_RATE)
    (caption,) = stream.push(pulse(0.01)) + stream.flush()
    assert caption.start == caption.words[0].start == 10
    assert caption.end == caption.words[0].end > 10
