import time

import pytest

from tap_live.bench_graphs import BATCHES, Figure, Way, bundle_way, measure
from tap_live.commands.bench_plot import plot, write_plot
from tap_live.errors import StorageError

from .test_runtime import summing_bundle


def way(name, seconds, most=8):
    """A way whose step takes so long on a clock of its own."""

    def make(batch):
        return lambda: CLOCK.pass_(seconds * (1 if batch == 1 else batch / 2))

    return Way(name, "cpu", {"sum": make}, most=most, audio_s={"sum": 0.1})


class Clock:
    def __init__(self):
        self.now = 0.0

    def pass_(self, seconds):
        self.now += seconds


CLOCK = Clock()


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(time, "perf_counter", lambda: CLOCK.now)


def test_ways_are_compared_with_the_last_of_them(clock):
    fast, slow, *_ = measure("toy", [way("fp32", 0.01), way("pytorch", 0.03)], batches=False)
    assert (fast.way, slow.way) == ("fp32", "pytorch")
    assert fast.p50_ms == pytest.approx(10)
    assert fast.ratio == pytest.approx(3) and slow.ratio == pytest.approx(1)
    assert fast.real_time == pytest.approx(0.1)  # 10 ms for 100 ms of audio
    assert fast.rows_a_s == pytest.approx(100)


def test_the_first_way_is_swept_over_batches_as_far_as_it_takes_rows(clock):
    figures = measure("toy", [way("fp32", 0.01, most=4)])
    assert [one.batch for one in figures] == [1, 2, 4]
    assert figures[2].rows_a_s == pytest.approx(200)  # a batch of 4 takes twice as long as one
    assert figures[1].ratio is None


def test_a_slowest_hundredth_is_told_only_of_a_hundred_steps(clock):
    (some,) = measure("toy", [way("fp32", 0.01)], steps=33, batches=False)
    (many,) = measure("toy", [way("fp32", 0.01)], batches=False)
    assert (some.steps, some.p99_ms) == (99, None)
    assert many.steps >= 100 and many.p99_ms == pytest.approx(10)
    assert some.worst_ms == pytest.approx(10)


def test_a_slow_network_has_fewer_steps_so_that_a_turn_ends(clock):
    slow, fast = measure("toy", [way("fp32", 3.0), way("pytorch", 0.5)], batches=False)
    assert (slow.steps, fast.steps) == (3 * 3, 3 * 4)  # three at least; two seconds


def test_a_graph_with_a_state_is_one_row_and_runs_on_noise(tmp_path):
    figures = measure("sum", [bundle_way("fp32", summing_bundle(tmp_path))], steps=2, turns=1)
    assert [(one.graph, one.batch, one.device) for one in figures] == [("sum", 1, "cpu")]


def figures():
    return [
        Figure(
            "toy", "sum", "fp32", "cpu", batch, 9, 1.0, None, 1.1, 100.0 * batch**0.5, None, None
        )
        for batch in BATCHES
    ]


def test_the_picture_has_a_line_a_graph(tmp_path):
    from xml.etree import ElementTree

    svg = plot(figures())
    root = ElementTree.fromstring(svg)
    lines = [part for part in root if part.tag.endswith("polyline")]
    assert len(lines) == 2  # the ideal, and the one graph
    assert len(lines[1].get("points").split()) == len(BATCHES)
    assert "toy sum, fp32" in svg
    write_plot(tmp_path / "p.svg", figures())
    with pytest.raises(StorageError, match=r"cannot write .*p\.svg"):
        write_plot(tmp_path / "none" / "p.svg", figures())
