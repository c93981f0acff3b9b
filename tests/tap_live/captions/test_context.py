import numpy as np

from tap_live.captions.context import Context
from tap_live.captions.recogniser import Heard
from tap_live.ring import RingBuffer

RATE = 16_000


def context(*words):
    """Words given by text, start and end in seconds."""
    held = RingBuffer(30 * RATE)
    held.write(np.ones(20 * RATE, np.float32))
    made = Context(held, 0)
    made.words = [
        Heard(text, (n,), round(start * RATE), round(end * RATE), 1.0)
        for n, (text, start, end) in enumerate(words)
    ]
    return made


def test_it_is_cut_in_the_middle_of_the_longest_pause():
    made = context((" a", 0, 4), (" b", 4.1, 5), (" c", 6, 7), (" d", 7.2, 8))
    made.shorten(())
    assert made.cut == round(5.5 * RATE)
    assert made.prefix == (2, 3)


def test_the_end_of_a_sentence_counts_as_a_pause():
    made = context((" a", 0, 4), (" b.", 4.1, 5), (" c", 5.1, 7), (" d", 7.4, 8))
    made.shorten([Heard(" e", (9,), 8 * RATE, 9 * RATE, 1.0)])
    assert made.prefix == (2, 3)


def test_at_least_three_seconds_are_left_behind():
    made = context((" a", 0, 1), (" b", 2.5, 4), (" c", 4.2, 5))
    made.shorten(())
    assert made.cut > 3 * RATE


def test_what_lies_between_regions_is_heard_as_silence():
    made = context((" a", 0, 1))
    made.silence(2 * RATE, 3 * RATE)
    audio = made.read(5 * RATE)
    assert not audio[2 * RATE : 3 * RATE].any()
    assert audio.sum() == 4 * RATE
    made.drop(1, round(2.5 * RATE))
    assert made.read(5 * RATE).sum() == 2 * RATE
