"""Extraction by contexts that take long: slow is not hung, and nothing that came is lost.

Contexts sleep, and the engine's patience is cut to match: what takes seconds takes tenths here.
"""

import time
from dataclasses import dataclass, field
from threading import Event

import numpy as np
import pytest
import soundfile
from harness import codes, kept, lost, noise, run

from tap_live.events import Level
from tap_live.extraction import Extraction, Wanted
from tap_live.extractors.chunked import ChunkConfig, ChunkedExtractor
from tap_live.extractors.context import RATE
from tap_live.live import Live
from tap_live.parts import Parts
from tap_live.sources.file import FileSource
from tap_live.sources.pump import Pump

SECONDS = 2
HOP_S = 0.5
LONG_AHEAD = ChunkConfig(hop_s=HOP_S, ahead_s=0.5)  # three contexts are open when a stream ends
SLOW_S = 0.35  # over the patience, below the hop; three are more than a step may take


@pytest.fixture(autouse=True)
def in_tenths(monkeypatch):
    """The ring holds less than the lookahead, a step is given up after 0.2 s and its hop."""
    monkeypatch.setattr("tap_live.live.PATIENCE_S", 0.2)
    monkeypatch.setattr("tap_live.live.RING_S", 0.5)
    monkeypatch.setattr("tap_live.standstill.TICK_S", 0.05)


@pytest.fixture
def released():
    """Lets contexts that hang come back when a test is over."""
    event = Event()
    yield event
    event.set()


@dataclass
class Halving:
    """A network that finds half of the mixture.

    Attributes:
        work: called with the number of the context, from 0 on.
    """

    work: object
    samples: int = 2 * RATE
    compute_s: float = 0.04  # as it was when it was warmed up
    begun: int = 0

    def vector(self, cue):
        return cue.positive

    def targets(self, mixture, copy, vectors, start, stop):
        number, self.begun = self.begun, self.begun + 1
        self.work(number)
        return np.stack([mixture[start:stop] / 2 for _ in vectors])


@dataclass
class Cue:
    name: str = "text:a dog barking"
    kind: str = "sound"
    positive: np.ndarray = field(default_factory=lambda: np.zeros(2, np.float32))
    negative: np.ndarray = field(default_factory=lambda: np.zeros(2, np.float32))


def halving(work, config=LONG_AHEAD):
    network = Halving(work)

    def make(rate, tell):
        extractor = ChunkedExtractor(network, rate, config)
        return Extraction(extractor, [Wanted(Cue())], rest_gain=0.0, rate=rate, tell=tell)

    return make


def parts(tmp_path, work, paced):
    soundfile.write(tmp_path / "in.wav", noise(SECONDS, RATE), RATE, "FLOAT")
    source = FileSource(tmp_path / "in.wav", paced=paced)
    return Parts(source=source, make_extraction=halving(work), record=tmp_path / "kept")


def slow(number):
    time.sleep(SLOW_S)


def whole(tmp_path):
    """Whether the recording is the input, sample by sample; and what was heard."""
    mixture = kept(tmp_path / "kept")
    np.testing.assert_allclose(mixture, noise(SECONDS, RATE), atol=2**-23)
    return kept(tmp_path / "kept", "output.wav")


def test_contexts_that_wait_are_slow_and_not_hung_and_the_end_is_extracted_whole(tmp_path):
    events = run(parts(tmp_path, slow, paced=False))
    assert codes(events) == []
    assert lost(events) == 0
    np.testing.assert_allclose(whole(tmp_path), noise(SECONDS, RATE) / 2, atol=1e-6)


def test_a_live_stream_that_ends_is_extracted_whole_however_many_contexts_are_open(tmp_path):
    """Those of the end alone are slow: together they take longer than a step may."""
    in_time = SECONDS / HOP_S - 3
    work = lambda number: time.sleep(SLOW_S if number >= in_time else 0)  # noqa: E731
    events = run(parts(tmp_path, work, paced=True))
    assert codes(events) == []
    assert lost(events) == 0
    np.testing.assert_allclose(whole(tmp_path), noise(SECONDS, RATE) / 2, atol=1e-6)


def test_a_live_context_may_take_as_long_as_its_hop(tmp_path):
    """What was measured at the start is less: `push` waits, and catches up."""
    events = run(parts(tmp_path, slow, paced=True))
    assert codes(events) == []
    assert lost(events) == 0
    np.testing.assert_allclose(whole(tmp_path), noise(SECONDS, RATE) / 2, atol=1e-6)


@pytest.mark.parametrize("paced", [False, True])
@pytest.mark.parametrize("hanging", [1, 3], ids=["middle", "last"])
def test_a_context_that_hangs_is_left_behind_and_all_is_kept(tmp_path, released, hanging, paced):
    work = lambda number: released.wait() if number == hanging else None  # noqa: E731
    events = run(parts(tmp_path, work, paced))
    assert codes(events)[0] == "extraction-restarted"
    assert set(codes(events)[1:]) <= {"extraction-slow", "extraction-recovered"}  # it was late
    assert lost(events) == 0
    output, mixture = whole(tmp_path), noise(SECONDS, RATE)
    extracted = np.isclose(output, mixture / 2, atol=1e-6)
    passed = np.isclose(output, mixture, atol=1e-6)
    assert (extracted | passed).mean() > 0.95  # the rest are gains that glide
    assert paced or extracted[-RATE // 2 :].all()  # it begins anew


@pytest.mark.parametrize("paced", [False, True])
def test_contexts_that_always_hang_turn_extraction_off_and_all_is_kept(tmp_path, released, paced):
    events = run(parts(tmp_path, lambda number: released.wait(), paced))
    told = [code for code in codes(events) if code in ("extraction-restarted", "extraction-off")]
    three = ["extraction-restarted"] * 2 + ["extraction-off"]
    assert told and told == three[: len(told)]
    assert paced or told == three  # a live one may rest instead, since it is late
    assert lost(events) == 0
    np.testing.assert_allclose(whole(tmp_path)[-RATE:], noise(SECONDS, RATE)[-RATE:], atol=1e-6)


def test_a_live_stream_that_is_stopped_is_extracted_to_where_it_was_stopped(tmp_path):
    """The context that is open then is waited for, and no other sound is begun with."""
    with Live(parts(tmp_path, lambda number: time.sleep(0.1), paced=True)) as live:
        for event in live.events:
            if isinstance(event, Level) and event.at > 1.0:
                live.stop()
                began = time.monotonic()
                break
        events = list(live.events)
    assert time.monotonic() - began < 2.0
    assert codes(events) == []
    mixture, output = kept(tmp_path / "kept"), kept(tmp_path / "kept", "output.wav")
    assert RATE <= len(mixture) < 2 * RATE
    np.testing.assert_allclose(mixture, noise(SECONDS, RATE)[: len(mixture)], atol=2**-23)
    np.testing.assert_allclose(output, mixture / 2, atol=1e-6)


def test_a_stop_ends_a_source_that_always_has_more(tmp_path):
    """One that waits for room fills it again before extraction has read all of it."""

    class Endless(Pump):
        name, rate = "endless", RATE

        def _blocks(self, tell, stopping):
            while True:
                yield np.full(RATE // 50, 0.1, np.float32)

    source = Endless(paced=False)
    make = halving(lambda number: time.sleep(0.05))
    with Live(Parts(source=source, make_extraction=make, record=tmp_path / "kept")) as live:
        while live.at < 1.0:
            time.sleep(0.01)
        live.stop()
        held = live._ring.end
        assert codes(live.events) == []
    assert RATE <= len(kept(tmp_path / "kept")) <= held + RATE // 50
