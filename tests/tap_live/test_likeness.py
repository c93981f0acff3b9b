import time
from threading import Event

import numpy as np
import pytest

from tap_live.errors import CueError
from tap_live.likeness import UNLIKE, Likeness

RATE = 8_000


def loudest(audio, rate):
    assert (len(audio), rate) == (RATE, RATE)
    if not audio.any():
        raise CueError("the clip is silent")
    return float(audio.max())


def steps(seconds):
    """A stream of seconds, each at its own level."""
    return np.repeat(np.float32(seconds), RATE)


def story(audio, size):
    likeness, said = Likeness(loudest, RATE), []
    for start in range(0, len(audio), size):
        likeness.push(audio[start : start + size])
        said.append(likeness.value)
    return said


def test_the_newest_second_is_compared_and_told_half_a_second_later():
    said = story(steps([0.2, 0.8, 0.0, 0.0, 0.0]), RATE // 2)
    wanted = [UNLIKE, 0.2, 0.2, 0.8, 0.8, 0.8, UNLIKE, UNLIKE, UNLIKE, UNLIKE]
    assert said == pytest.approx(wanted)


@pytest.mark.parametrize("size", [37, 160, 4000, 11_000])
def test_cutting_makes_no_difference(size):
    audio = np.random.default_rng(0).random(4 * RATE).astype(np.float32)
    assert story(audio, size)[-1] == story(audio, len(audio))[-1]


def test_what_the_encoder_fails_at_is_not_hidden():
    def broken(audio, rate):
        raise RuntimeError("the encoder is broken")

    likeness = Likeness(broken, RATE)
    with pytest.raises(RuntimeError, match="the encoder is broken"):
        likeness.push(steps([0.1, 0.1]))


def test_an_encoder_that_stands_still_is_waited_for_once(monkeypatch):
    monkeypatch.setattr("tap_live.likeness.PATIENCE_S", 0.2)
    going = Event()

    def stands_still(audio, rate):
        going.wait(20)
        return 0.9

    likeness, began = Likeness(stands_still, RATE), time.monotonic()
    likeness.push(steps([0.5] * 10))
    likeness.end()
    assert likeness.value == UNLIKE and time.monotonic() - began < 10
    going.set()  # and is heard again when it goes on: not what it says of long ago
    values = [UNLIKE]
    while values[-1] == UNLIKE and time.monotonic() - began < 30:
        likeness.push(np.full(RATE // 2, 0.5, np.float32))
        values.append(likeness.value)
        time.sleep(0.01)
    assert values[-1] == 0.9 and len(values) >= 3
    likeness.end()
