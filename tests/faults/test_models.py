"""Whatever a model does, everything is heard and kept: DESIGN 9, and `docs/faults.md`."""

from itertools import pairwise

import numpy as np
import pytest
from harness import (
    RATE,
    Counter,
    Listener,
    SimClock,
    clip,
    codes,
    finals,
    finals_on_disk,
    halving,
    kept,
    lost,
    noise,
    run,
)

from tap_live.events import Stats
from tap_live.live import PATIENCE_S
from tap_live.parts import Parts
from tap_live.sources.file import FileSource
from tap_live.transcription import PATIENCE_S as CAPTIONS_PATIENCE_S

HOP_S = 0.016
THREADS = "source", "extraction", "watch"

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def look_less_often(monkeypatch):
    """Workers look for samples every hop: each look is a step of the simulation."""
    monkeypatch.setattr("tap_live.follow.POLL_S", HOP_S)


def paced(tmp_path, seconds, clock, **parts):
    source = FileSource(clip(tmp_path, seconds), paced=True, clock=clock)
    return Parts(source=source, clock=clock, record=tmp_path / "kept", **parts)


def heard_all(folder, seconds):
    """Whether the mixture was recorded whole, and something was heard all the time."""
    np.testing.assert_allclose(kept(folder), noise(seconds), atol=2**-23)
    return len(kept(folder, "output.wav")) == seconds * RATE


@pytest.mark.parametrize("factor", [2, 10])
def test_an_extractor_that_is_too_slow_lets_the_mixture_pass_says_so_and_recovers(tmp_path, factor):
    """Slow for some hops, then as quick as ever."""
    clock = SimClock(*THREADS)
    slow = halving(lambda hop: clock.spend(factor * HOP_S) if factor * hop < 40 else None)
    events = run(paced(tmp_path, 12, clock, make_extraction=slow))
    told = codes(events)
    assert told[0] == "extraction-slow"
    assert told == ["extraction-slow", "extraction-recovered"] * (len(told) // 2)
    rests = [event for event in events if getattr(event, "code", "") == "extraction-recovered"]
    overload = [event.overload for event in events if isinstance(event, Stats)]
    np.testing.assert_allclose(overload[-1], sum(one.stop - one.start for one in rests), atol=0.1)
    assert lost(events) == 0
    assert heard_all(tmp_path / "kept", 12)
    output = kept(tmp_path / "kept", "output.wav")
    resting = slice(round(1.5 * RATE), 2 * RATE)  # the whole mixture, neither silence nor half
    np.testing.assert_allclose(output[resting], noise(12)[resting], atol=1e-6)
    np.testing.assert_allclose(output[-RATE:], noise(12)[-RATE:] / 2, atol=1e-6)


def test_an_extractor_that_is_always_too_slow_costs_nothing_but_itself(tmp_path):
    """Ten times too slow for as long as it runs: tried less and less often."""
    clock = SimClock(*THREADS)
    slow = halving(lambda hop: clock.spend(10 * HOP_S))
    events = run(paced(tmp_path, 20, clock, make_extraction=slow))
    assert 1 <= codes(events).count("extraction-slow") <= 5
    assert lost(events) == 0
    assert heard_all(tmp_path / "kept", 20)


def loudness(audio):
    """RMS, hop by hop."""
    hop = round(HOP_S * RATE)
    return np.sqrt((audio[: len(audio) // hop * hop].reshape(-1, hop) ** 2).mean(axis=1))


def raise_error():
    raise RuntimeError("this was injected")


@pytest.mark.parametrize("fault", ["NaN", "raises", "hangs"])
def test_an_extractor_that_fails_once_passes_that_hop_and_begins_anew(tmp_path, fault):
    clock = SimClock(*THREADS)
    does = {"NaN": lambda: np.float32(np.nan), "raises": raise_error, "hangs": clock.hang}
    once = halving(lambda hop: does[fault]() if hop == 100 else None)
    events = run(paced(tmp_path, 10, clock, make_extraction=once))
    assert codes(events)[0] == "extraction-restarted"
    assert set(codes(events)[1:]) <= {"extraction-slow", "extraction-recovered"}  # it was late
    assert lost(events) == 0
    assert heard_all(tmp_path / "kept", 10)
    output, mixture = kept(tmp_path / "kept", "output.wav"), noise(10)
    loud = loudness(output) / loudness(mixture)
    assert loud.min() > 0.3  # never silence, though gains glide
    assert loud.max() < 1.01
    np.testing.assert_allclose(output[-RATE:], mixture[-RATE:] / 2, atol=1e-6)


@pytest.mark.parametrize("fault", ["NaN", "raises", "hangs"])
def test_an_extractor_that_fails_three_times_stays_off_and_the_mixture_is_heard(tmp_path, fault):
    clock = SimClock(*THREADS)
    does = {"NaN": lambda: np.float32(np.nan), "raises": raise_error, "hangs": clock.hang}
    often = halving(lambda hop: does[fault]() if hop % 100 == 99 else None)
    events = run(paced(tmp_path, 20, clock, make_extraction=often))
    told = [code for code in codes(events) if code in ("extraction-restarted", "extraction-off")]
    assert told == ["extraction-restarted"] * 2 + ["extraction-off"]
    assert lost(events) == 0
    assert heard_all(tmp_path / "kept", 20)
    output = kept(tmp_path / "kept", "output.wav")
    np.testing.assert_allclose(output[-RATE:], noise(20)[-RATE:], atol=1e-6)


def captioned(tmp_path, seconds, fault, clock):
    def make(start, first_id):
        return Counter(start, first_id, fault)

    return run(paced(tmp_path, seconds, clock, make_captioner=make))


@pytest.mark.parametrize(("factor", "seconds"), [(2, 66), (10, 45)])
def test_captions_that_are_too_slow_skip_with_a_warning_and_follow_late(tmp_path, factor, seconds):
    """Nothing of the recording is skipped, and in the end every word is there."""
    clock = SimClock(*THREADS, "transcription")
    events = captioned(tmp_path, seconds, lambda second: clock.spend(factor), clock)
    assert set(codes(events)) == {"captions-behind", "captions-late"}
    assert lost(events) == 0
    assert heard_all(tmp_path / "kept", seconds)
    gaps = [event for event in events if getattr(event, "code", "") == "captions-behind"]
    late = {int(final.words[0].text) for final in finals(events) if final.late}
    timely = {int(final.words[0].text) for final in finals(events) if not final.late}
    assert all(any(g.start - 1 <= second < g.stop for g in gaps) for second in late)
    overload = [event.overload for event in events if isinstance(event, Stats)]
    np.testing.assert_allclose(overload[-1], sum(gap.stop - gap.start for gap in gaps))
    assert late | timely == set(range(seconds))


@pytest.mark.parametrize("drift", [-0.15, 0.15])
@pytest.mark.parametrize("seconds", [45.13, 45.38])
def test_what_follows_late_says_every_word_once_and_in_order(tmp_path, drift, seconds):
    """Words that a skip cuts are timed otherwise by who hears them whole."""
    clock, made = SimClock(*THREADS, "transcription"), []

    def make(start, first_id):
        made.append(start)
        slow = (lambda second: clock.spend(7.3)) if len(made) == 1 else lambda second: None
        return Listener(start, first_id, drift if len(made) == 1 else -drift, slow)

    events = run(paced(tmp_path, seconds, clock, make_captioner=make))
    assert {"captions-behind", "captions-late"} == set(codes(events))
    said = [word for final in finals_on_disk(tmp_path / "kept") for word in final.words]
    assert [float(word.text) for word in said] == [at / 2 for at in range(len(said))]
    assert len(said) == int(2 * seconds)
    assert all(before.end <= after.start + 1e-9 for before, after in pairwise(said))


def test_a_captioner_that_raises_begins_anew_and_keeps_what_it_said(tmp_path):
    clock, failed = SimClock(*THREADS, "transcription"), []

    def fault(second):
        if second == 5 and not failed:
            failed.append(second)
            raise_error()

    events = captioned(tmp_path, 20, fault, clock)
    assert codes(events) == ["captions-restarted"]
    said = [int(final.words[0].text) for final in finals(events)]
    assert said[:5] == [0, 1, 2, 3, 4]
    assert said[5:] == list(range(said[5], 20))
    assert said[5] in (6, 7)
    assert heard_all(tmp_path / "kept", 20)


def test_a_captioner_that_raises_three_times_stays_off_and_the_rest_goes_on(tmp_path):
    clock = SimClock(*THREADS, "transcription")
    events = captioned(tmp_path, 20, lambda second: raise_error(), clock)
    assert codes(events) == ["captions-restarted"] * 2 + ["captions-off"]
    assert heard_all(tmp_path / "kept", 20)


def test_a_captioner_that_hangs_is_left_behind_and_what_was_skipped_follows_late(tmp_path):
    clock, hung = SimClock(*THREADS, "transcription"), []

    def fault(second):
        if second == 5 and not hung:
            hung.append(second)
            clock.hang()

    seconds = round(CAPTIONS_PATIENCE_S) + 15
    events = captioned(tmp_path, seconds, fault, clock)
    assert sorted(codes(events)) == ["captions-behind", "captions-late", "captions-restarted"]
    assert lost(events) == 0
    assert heard_all(tmp_path / "kept", seconds)
    said = {int(final.words[0].text) for final in finals(events)}
    assert set(range(seconds)) - said <= {5, 6}  # what it stood still over
    assert f"took over {CAPTIONS_PATIENCE_S:.0f} s" in str(events)


def test_a_captioner_that_hangs_at_the_end_does_not_keep_the_stream_from_ending(tmp_path):
    clock = SimClock(*THREADS, "transcription")
    events = captioned(tmp_path, 10, lambda second: clock.hang() if second == 9 else None, clock)
    assert "captions-restarted" in codes(events)
    assert len(finals(events)) == 9
    assert heard_all(tmp_path / "kept", 10)


def test_a_step_that_comes_back_after_it_was_given_up_changes_nothing(tmp_path):
    """The extractor returns at last, while its successor works."""
    clock = SimClock(*THREADS)
    late = halving(lambda hop: clock.spend(PATIENCE_S + 1.5) if hop == 100 else None)
    events = run(paced(tmp_path, 20, clock, make_extraction=late))
    assert codes(events)[0] == "extraction-restarted"
    assert lost(events) == 0
    assert heard_all(tmp_path / "kept", 20)
