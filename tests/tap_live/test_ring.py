import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_live.errors import ConfigError, OverrunError
from tap_live.ring import RingBuffer


def count(start, stop):
    return np.arange(start, stop, dtype=np.float32)


def test_what_was_written_is_read_at_its_position():
    ring = RingBuffer(8)
    ring.write(count(0, 5))
    ring.write(count(5, 11))
    np.testing.assert_array_equal(ring.read(4, 10), count(4, 10))
    assert (ring.oldest, ring.end) == (3, 11)


@given(st.integers(1, 20), st.lists(st.integers(0, 30), max_size=12))
def test_any_cutting_keeps_the_newest_samples(capacity, sizes):
    ring = RingBuffer(capacity)
    for size in sizes:
        ring.write(count(ring.end, ring.end + size))
    np.testing.assert_array_equal(ring.read(ring.oldest, ring.end), count(ring.oldest, ring.end))
    assert ring.end - ring.oldest == min(capacity, sum(sizes))


def test_a_reader_that_is_too_late_is_told_how_much_it_lost():
    ring = RingBuffer(8)
    ring.write(count(0, 20))
    with pytest.raises(OverrunError, match="2 samples lost: reader at 10, oldest held 12"):
        ring.read(10, 14)


def test_reading_ahead_of_the_writer_is_a_mistake():
    ring = RingBuffer(8)
    ring.write(count(0, 4))
    with pytest.raises(ValueError, match="cannot read 2 to 6: the stream is at 4"):
        ring.read(2, 6)


def test_channels_stay_together():
    ring = RingBuffer(8, channels=2)
    both = np.stack([count(0, 11), -count(0, 11)], axis=1)
    ring.write(both[:5])
    ring.write(both[5:])
    np.testing.assert_array_equal(ring.read(4, 10), both[4:10])
    assert ring.silence(3).shape == (3, 2)


def test_a_ring_needs_room():
    with pytest.raises(ConfigError, match="at least 1 sample, not 0"):
        RingBuffer(0)


def test_a_racing_reader_gets_true_samples_or_an_overrun():
    ring = RingBuffer(256)
    done = threading.Event()

    def write():
        for start in range(0, 400_000, 100):
            ring.write(count(start, start + 100))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    position = reads = 0
    while not done.is_set() or position < ring.end:
        stop = min(ring.end, position + 64)
        try:
            np.testing.assert_array_equal(ring.read(position, stop), count(position, stop))
            position = stop
            reads += 1
        except OverrunError as error:
            position = error.oldest
    writer.join()
    assert reads > 0
