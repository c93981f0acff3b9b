import threading

import numpy as np
import pytest

from tap_live.bench_hops import WARM_UP, beside, time_hops
from tap_live.extraction import Extraction

HOP, RATE = 160, 10_000


class Clocked:
    """An extractor that takes as long as a test says; time passes nowhere else."""

    lookahead = 200

    def __init__(self, seconds):
        self.seconds, self.now, self.sizes = seconds, 0.0, []

    def set_cues(self, cues):
        pass

    def restart(self):
        pass

    def push(self, block):
        self.now += self.seconds(len(self.sizes) - WARM_UP)
        self.sizes.append(len(block))
        return np.zeros((0, len(block)), np.float32)


def test_every_hop_is_timed_and_none_of_the_warm_up():
    slow = {-1: 9.0, 0: 0.014, 500: 0.5}
    clocked = Clocked(lambda number: slow.get(number, 0.004))
    times = time_hops(
        Extraction(clocked),
        np.ones(1000, np.float32),
        rate=RATE,
        hop=HOP,
        hops=1000,
        now=lambda: clocked.now,
        cpu=lambda: clocked.now / 2,
    )
    assert clocked.sizes == [HOP] * (WARM_UP + 1000)
    assert (times.hops, times.hop, times.latency) == (1000, 16.0, 20.0)
    assert (times.median, times.p99) == pytest.approx((4.0, 4.0))
    assert times.p999 == pytest.approx(14.5, abs=0.5)
    assert times.worst == pytest.approx(500.0)
    assert times.share == pytest.approx((998 * 0.004 + 0.014 + 0.5) / 2 / 16)


def test_work_beside_goes_on_until_it_is_left_and_leaves_no_thread():
    done, before = threading.Event(), threading.active_count()
    with beside(done.set):
        assert done.wait(10)
    assert threading.active_count() == before
