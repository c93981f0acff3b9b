import numpy as np
import pytest

from tap_live.bench import matched, ratios, repeated, stream
from tap_live.captions.vad import RATE
from tap_live.events import Caption, Word
from tap_live.journal import SaidWord


class Late:
    """Says one word a second: shown half a second after its end, final a second after it."""

    lookahead = RATE

    def __init__(self):
        self.heard = 0

    def push(self, block):
        before, self.heard = self.heard, self.heard + len(block)
        captions = []
        for n in range(1, 20):
            if before < (n + 0.5) * RATE <= self.heard:
                captions.append(self.caption(n, "partial"))
            if before < (n + 1) * RATE <= self.heard:
                captions.append(self.caption(n, "final"))
        return captions

    def caption(self, n, state):
        words = (Word(f" w{n}", n - 1, n, 1.0),)
        return Caption(id=n, revision=0, state=state, start=n - 1, end=n, words=words)

    def flush(self):
        return []


def test_delays_are_counted_from_the_true_end_of_a_word_to_where_the_stream_was():
    reference = [Word(f" W{n}.", n - 1, n - 0.2, 1.0) for n in range(1, 10)]
    figures = stream(np.zeros(10 * RATE, np.float32), Late(), reference, cores=2)
    assert figures.words == 9
    assert figures.partial.median == pytest.approx(0.7, abs=0.05)
    assert figures.final.median == pytest.approx(1.2, abs=0.05)
    assert 0 <= figures.share < 0.1


def test_words_are_paired_in_order_past_what_was_misheard():
    said = [SaidWord(f" {w}", 0, 1, None, 1, 1, late=False) for w in ("the", "cat", "sad", "down")]
    true = [Word(f" {w}", 0, 1, 1) for w in ("The", "cat", "sat", "down.")]
    pairs = [(s.text, t.text) for s, t in matched(said, true)]
    assert pairs == [(" the", " The"), (" cat", " cat"), (" down", " down.")]


def test_a_ratio_says_how_many_times_as_fast_we_are():
    def busy(steps):
        return lambda: sum(range(steps))

    assert np.median(ratios(busy(200_000), busy(2_000_000), runs=3)) > 3


def test_audio_is_repeated_to_a_length():
    audio = np.arange(3, dtype=np.float32)
    np.testing.assert_array_equal(repeated(audio, 5 / RATE), [0, 1, 2, 0, 1])
