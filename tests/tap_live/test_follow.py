import threading

import numpy as np

from tap_live.follow import Follower
from tap_live.ring import RingBuffer


def count(start, stop):
    return np.arange(start, stop, dtype=np.float32)


def no_gap(start, stop):
    raise AssertionError(f"gap from {start} to {stop}")


def test_everything_written_before_the_end_is_read_in_order():
    ring = RingBuffer(100)
    steps = iter([30, 30, 25])

    def write_more(seconds):
        ring.write(count(ring.end, ring.end + next(steps)))

    reader = Follower(ring, block=20, on_gap=no_gap)
    blocks = list(reader.blocks(lambda: ring.end == 85, wait=write_more))
    np.testing.assert_array_equal(np.concatenate(blocks), count(0, 85))
    assert max(len(b) for b in blocks) == 20


def test_what_was_overwritten_becomes_silence_of_its_length():
    ring, gaps = RingBuffer(50), []
    ring.write(count(0, 130))
    reader = Follower(ring, block=64, on_gap=lambda a, b: gaps.append((a, b)))
    heard = np.concatenate(list(reader.blocks(lambda: True)))
    assert gaps == [(0, 80)]
    np.testing.assert_array_equal(heard[:80], 0)
    np.testing.assert_array_equal(heard[80:], count(80, 130))


def test_a_slow_reader_may_leave_itself_room():
    ring, gaps = RingBuffer(50), []
    ring.write(count(0, 130))
    reader = Follower(ring, block=64, on_gap=lambda a, b: gaps.append((a, b)), keep=10)
    heard = np.concatenate(list(reader.blocks(lambda: True)))
    assert gaps == [(0, 120)]
    assert len(heard) == 130


def test_a_reader_on_another_thread_misses_nothing():
    ring, done = RingBuffer(100_000), threading.Event()

    def write():
        for start in range(0, 50_000, 480):
            ring.write(count(start, min(50_000, start + 480)))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    reader = Follower(ring, block=999, on_gap=no_gap)
    heard = np.concatenate(list(reader.blocks(done.is_set)))
    writer.join()
    assert reader.position == 50_000
    np.testing.assert_array_equal(heard, count(0, 50_000))
