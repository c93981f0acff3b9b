import itertools

import numpy as np
import pytest

from tap_live.events import Caption, Word
from tap_live.export import replay as module
from tap_live.export.replay import Left, Replay, delays, replay, together

RATE = 16_000


class Late:
    """Says a word a second, half a second after it as a partial and a second later as a final."""

    lookahead = RATE

    def __init__(self):
        self.position = 0

    def push(self, block):
        before, self.position = self.position, self.position + len(block)
        return [
            self._caption(state, number)
            for state, after in (("partial", 0.5), ("final", 1.5))
            for number in range(10)
            if before < (number + after) * RATE <= self.position
        ]

    def flush(self):
        return []

    def _caption(self, state, number):
        word = Word(f" w{number}", number - 0.4, float(number), 1.0)
        return Caption(
            id=number, revision=0, state=state, start=word.start, end=word.end, words=(word,)
        )


@pytest.fixture
def computing(monkeypatch):
    """Make every block take so many CPU seconds."""

    def take(seconds):
        clock = itertools.cycle([0.0, seconds])
        monkeypatch.setattr(module.time, "process_time", lambda: next(clock))

    return take


SAID = [Word(f" W{number}.", number - 0.4, float(number), 1.0) for number in range(10)]
AUDIO = np.zeros(12 * RATE, np.float32)


def test_without_compute_a_delay_is_that_of_the_captioner(computing):
    computing(0.0)
    found = delays(replay(Late(), AUDIO), SAID)
    assert found.words == len(found.final) == len(found.shown) == 10
    np.testing.assert_allclose(found.shown, 0.5, atol=512 / RATE)
    np.testing.assert_allclose(found.final, 1.5, atol=512 / RATE)


def test_compute_adds_to_delays_and_makes_the_share(computing):
    computing(0.016)  # half of a block
    stream = replay(Late(), AUDIO)
    assert stream.share() == pytest.approx(0.5)
    assert stream.share(3, 4) == pytest.approx(0.5, abs=0.02)
    np.testing.assert_allclose(delays(stream, SAID).final, 1.516, atol=512 / RATE)


def test_a_captioner_that_is_too_slow_falls_behind(computing):
    computing(0.064)  # two blocks
    late = delays(replay(Late(), AUDIO), SAID).final
    assert late[-1] - late[0] == pytest.approx(9.0, rel=0.02)


def test_words_that_only_one_of_both_has_do_not_count(computing):
    computing(0.0)
    other = [Word(" else", 3.0, 3.4, 1.0), *SAID[4:]]
    assert len(delays(replay(Late(), AUDIO), other).final) == 6


def test_the_text_is_that_of_the_finals(computing):
    computing(0.0)
    assert replay(Late(), AUDIO).text == "".join(f" w{n}" for n in range(10))


def test_replays_of_one_stream_are_joined_in_the_order_in_which_captions_left():
    word = Word(" a", 0.0, 1.0, 1.0)

    def left(at, id):
        caption = Caption(id=id, revision=0, state="final", start=0.0, end=1.0, words=(word,))
        return Left(at, caption)

    one = Replay((left(1.0, 0), left(3.0, 1)), (0.1, 0.2), 2.0)
    other = Replay((left(2.0, 2),), (0.3, 0.0), 2.0)
    both = together([one, other])
    assert [caption.at for caption in both.captions] == [1.0, 2.0, 3.0]
    assert both.spent == pytest.approx((0.4, 0.2)) and both.seconds == 2.0
