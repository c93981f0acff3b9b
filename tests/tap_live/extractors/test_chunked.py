"""Contexts of a stream: whatever the cut and the speed, the same; equal to the offline model."""

import threading
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from tap_live.errors import ConfigError
from tap_live.extractors.chunked import HEADROOM, ChunkConfig, ChunkedExtractor
from tap_live.extractors.context import RATE
from tap_live.processor import Sparing

CONFIG = ChunkConfig(hop_s=0.1, ahead_s=0.05, fade_s=0.01)


@dataclass
class Cue:
    name: str
    positive: NDArray[np.float32]
    negative: NDArray[np.float32] = field(default_factory=lambda: np.zeros(2, np.float32))
    kind: str = "sound"


@dataclass
class Scaling:
    """A network that gives the mixture times a number: the cue's first."""

    samples: int = RATE // 2
    compute_s: float = 0.04
    heard: list = field(default_factory=list)

    def vector(self, cue):
        return np.concatenate([cue.positive, cue.negative])

    def targets(self, mixture, copy, vectors, start, stop):
        assert len(mixture) == self.samples and len(copy) == self.samples * 3 // 2
        self.heard.append((mixture, copy))
        rows = [vector[0] * mixture[start:stop] for vector in vectors]
        return np.stack(rows) if rows else np.zeros((0, stop - start), np.float32)


def cue(name, scale):
    return Cue(name, np.array([scale, 0], np.float32))


def noise(samples, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def tone(seconds, rate):
    return (0.1 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)).astype(
        np.float32
    )


def run(extractor, audio, size):
    parts = [extractor.push(audio[i : i + size]) for i in range(0, len(audio), size)]
    return np.concatenate([*parts, extractor.flush()], axis=1)


def make(*cues, rate=RATE, config=CONFIG, network=None):
    extractor = ChunkedExtractor(network or Scaling(), rate, config)
    extractor.set_cues(cues)
    return extractor


@pytest.mark.parametrize("size", [1, 160, 1000, 3200, 40_000])
def test_cutting_does_not_change_the_result(size):
    audio = noise(RATE + 17)
    if size == 1:
        audio = audio[:9000]
    found = run(make(cue("a", 1), cue("b", 0.5)), audio, size)
    np.testing.assert_allclose(found, np.outer([1, 0.5], audio), atol=1e-6)


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_rows_lie_where_the_input_does_at_any_rate(rate):
    audio = tone(1.3, rate)
    found = run(make(cue("a", 1), rate=rate), audio, 700)
    assert found.shape == (1, len(audio))
    np.testing.assert_allclose(found[0, 1000:-1000], audio[1000:-1000], atol=1e-3)


@pytest.mark.parametrize("rate", [16_000, 32_000, 48_000])
def test_nothing_comes_later_than_it_says(rate):
    extractor, given = make(cue("a", 1), rate=rate), 0
    for taken in range(160, rate, 160):
        given += extractor.push(noise(160)).shape[1]
        assert taken - given <= extractor.lookahead
    extractor.flush()


def test_the_latency_is_hop_fade_lookahead_and_compute():
    plan = CONFIG.for_engine(0.04, 0.5)
    assert plan.delay == round((0.1 + 0.01 + 0.05 + HEADROOM * 0.04) * RATE)
    assert make().lookahead == plan.delay + 11


def test_a_context_ends_with_what_is_heard_beyond_the_hop():
    network, audio = Scaling(), noise(RATE)
    run(make(cue("a", 1), network=network), audio, 1000)
    mixture, copy = network.heard[6]
    end = 7 * 3200 + 320 + 1600
    np.testing.assert_array_equal(mixture, audio[end - RATE // 2 : end])
    assert copy.shape == (RATE * 3 // 4,)


def test_after_a_flush_it_is_as_new_and_no_thread_is_left():
    before, extractor, audio = threading.active_count(), make(cue("a", 1)), noise(5000)
    first = run(extractor, audio, 1000)
    np.testing.assert_array_equal(run(extractor, audio, 999), first)
    assert threading.active_count() == before
    assert extractor.flush().shape == (1, 0)


@pytest.mark.parametrize("rate", [32_000, 48_000])
def test_targets_come_and_go_without_a_click(rate):
    audio, extractor = tone(2.0, rate), make(cue("a", 1), rate=rate)
    half = len(audio) // 2
    parts = [extractor.push(audio[:half])]
    extractor.set_cues([cue("b", 0.5), cue("a", 1)])
    parts[0] = np.vstack([np.zeros_like(parts[0]), parts[0]])
    parts += [extractor.push(audio[half:]), extractor.flush()]
    found = np.concatenate(parts, axis=1)
    np.testing.assert_allclose(found[1, 500:-500], audio[500:-500], atol=1e-3)
    steps = np.abs(np.diff(found[0, :-500]))
    assert steps.max() < 1.3 * np.abs(np.diff(audio)).max()
    np.testing.assert_allclose(found[0, -9000:-500], 0.5 * audio[-9000:-500], atol=1e-3)


def test_a_networks_error_comes_out_where_its_result_was_due():
    class Broken(Scaling):
        def targets(self, *work):
            raise RuntimeError("no more memory")

    extractor = make(cue("a", 1), network=Broken())
    with pytest.raises(RuntimeError, match="no more memory"):
        extractor.push(noise(RATE))
    extractor.restart()
    assert extractor.push(noise(100)).shape == (1, 0)


def test_without_a_hop_it_is_as_fast_as_the_engine_allows():
    assert ChunkConfig().for_engine(0.005, 10.0).hop == RATE // 4
    plan = ChunkConfig().for_engine(1.0, 10.0)
    assert plan.hop == round(1.25 * RATE) and plan.compute == plan.hop - 1
    assert ChunkConfig().for_engine(9.0, 2.5).hop == round(2.23 * RATE)  # all that it hears


@pytest.mark.parametrize("heard_s", [10.0, 0.9])
def test_a_files_hop_does_not_depend_on_the_machine(heard_s):
    plans = [ChunkConfig(steady=True).for_engine(slow, heard_s) for slow in (0.0, 0.1, 4.0)]
    assert {plan.hop for plan in plans} == {round(min(1.0, heard_s - 0.27) * RATE)}


@pytest.mark.parametrize(
    ("lengths", "told"),
    [
        ({"hop_s": 9}, r"a hop of 0.05 to 5.0 s, found 9 s"),
        ({"hop_s": float("nan")}, "a hop of 0.05 to 5.0 s, found nan s"),
        ({"ahead_s": -1}, r"0 to 5.0 s heard ahead, found -1 s"),
        ({"ahead_s": 20}, r"0 to 5.0 s heard ahead, found 20 s"),
        ({"fade_s": 0.2}, r"a fade of 0 to 0.05 s, found 0.2 s"),
    ],
)
def test_lengths_that_cannot_be_are_refused(lengths, told):
    with pytest.raises(ConfigError, match=told):
        ChunkConfig(**lengths)


@pytest.mark.parametrize("hop_s", [0.24, 1, 5])
def test_a_hop_that_the_context_does_not_hold_is_refused_at_the_start(hop_s):
    with pytest.raises(ConfigError, match=rf"hears 0.5 s at a time.*to 0.23 s, found {hop_s} s"):
        make(config=ChunkConfig(hop_s=hop_s))
    with pytest.raises(ConfigError, match=r"hears 0.5 s at a time, 0.48 s of them ahead"):
        make(config=ChunkConfig(ahead_s=0.48))


def test_what_nobody_hears_is_not_computed_and_comes_back_without_a_click():
    asked = []

    class Counting(Scaling):
        def targets(self, mixture, copy, vectors, start, stop):
            asked.append(len(vectors))
            return super().targets(mixture, copy, vectors, start, stop)

    audio, extractor = tone(2.0, RATE), make(cue("a", 1), cue("b", 0.5), network=Counting())
    assert isinstance(extractor, Sparing)
    extractor.spare(frozenset({"b"}))
    parts = [extractor.push(audio[:RATE])]
    assert set(asked) == {1}
    extractor.spare(frozenset())
    parts += [extractor.push(audio[RATE:]), extractor.flush()]
    found = np.concatenate(parts, axis=1)
    np.testing.assert_allclose(found[0], audio, atol=1e-6)
    assert not found[1, : RATE // 2].any() and asked[-1] == 2
    assert np.abs(np.diff(found[1])).max() < 1.3 * np.abs(np.diff(audio)).max()
    np.testing.assert_allclose(found[1, -9000:], 0.5 * audio[-9000:], atol=1e-6)


def test_a_hop_that_leaves_no_time_is_said_and_one_that_does_is_not():
    told = ChunkConfig(hop_s=0.5).slow("clapsep", 1.0)
    assert "takes 1.00 s here" in told and "clapsep@1.25 or more" in told
    assert not ChunkConfig(hop_s=1.1).slow("clapsep", 1.0)
    assert not ChunkConfig().slow("clapsep", 9.0)


def test_the_end_comes_context_by_context_and_is_what_a_flush_gives():
    """So that whoever waits for it can tell slow from hung, with any time for a context."""
    config, audio = ChunkConfig(hop_s=0.1, ahead_s=0.2, fade_s=0.01), noise(9000)
    network = Scaling()
    flushed = run(make(cue("a", 1), rate=48_000, config=config), audio, 500)
    extractor = make(cue("a", 1), rate=48_000, config=config, network=network)
    parts, found = [extractor.push(audio)], []
    for part in extractor.rest():
        found.append(len(network.heard))
        parts.append(part)
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), flushed)
    assert len(parts) > 3
    assert max(np.diff(found)) == 1
    np.testing.assert_array_equal(run(extractor, audio, 500), flushed)  # it is as new


@pytest.mark.parametrize(("hop_s", "compute_s", "step_s"), [(0.4, 0.02, 0.4), (0.1, 0.5, 2.0)])
def test_a_step_may_take_a_hop_or_some_times_what_was_measured(hop_s, compute_s, step_s):
    extractor = make(
        config=ChunkConfig(hop_s=hop_s, ahead_s=0.05), network=Scaling(RATE, compute_s)
    )
    assert extractor.step_s == pytest.approx(step_s)
