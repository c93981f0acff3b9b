"""Whatever a microphone does, positions stay true and what it gave is kept; `docs/faults.md`.

The source, its keeper and its watchdog are real; the device and its clock are the soak's.
"""

import time

import numpy as np
import pytest
from harness import codes, kept, lost

from tap_live.events import Device, Level
from tap_live.live import Live
from tap_live.outputs.output import NullOutput
from tap_live.parts import Parts
from tap_live.soak.room import BLOCK, RATE, RoomSource

SECONDS = 14
AUDIO = np.random.default_rng(0).uniform(-0.5, 0.5, (SECONDS + 60) * RATE).astype(np.float32)


class Talk:
    """What is said in the room: noise, no two moments of which are alike."""

    def blocks(self, size):
        yield from AUDIO[: len(AUDIO) // size * size].reshape(-1, size)


class Heard(NullOutput):
    """An output that remembers when it was turned off and on."""

    def __init__(self):
        self.turned = []

    def turn(self, on):
        self.turned.append(on)


class Run:
    """A recorded stream in whose room things happen: {seconds: action}."""

    def __init__(self, folder, happenings):
        self.source, self.output = RoomSource(Talk()), Heard()
        waiting = sorted(happenings.items())

        def act(at):
            while waiting and waiting[0][0] <= at:
                waiting.pop(0)[1](self.source)

        self.source.act = act
        live = Live(
            Parts(
                source=self.source,
                make_output=lambda rate, tell: self.output,
                record=folder / "kept",
                seconds=SECONDS,
            )
        )
        self.source.given = lambda: live._handed
        with live:
            self.events = list(live.events)
        self.mixture = kept(folder / "kept")

    @property
    def changes(self):
        return [event.change for event in self.events if isinstance(event, Device)]

    def kept_all_that_came(self):
        """Compare the recording with what the microphone gave, each at its place."""
        expected = np.zeros(len(self.mixture), np.float32)
        for start, stop in self.source.delivered:
            expected[start:stop] = AUDIO[start : min(stop, len(expected))]
        np.testing.assert_allclose(self.mixture, expected, atol=2**-23)
        return True


def hold(source):
    source.stalled = True


def let_go(source):
    source.stalled = False


def test_a_microphone_that_stalls_and_then_bursts_loses_nothing(tmp_path):
    run = Run(tmp_path, {3: hold, 3.8: let_go, 8: hold, 8.9: let_go})
    assert codes(run.events) == []
    assert lost(run.events) == 0
    assert run.source.delivered == [(0, run.source.delivered[0][1])]
    assert run.kept_all_that_came()


def test_a_microphone_that_gets_stuck_is_opened_again_and_the_gap_has_its_length(tmp_path):
    run = Run(tmp_path, {3: RoomSource.stick})
    assert codes(run.events) == ["device-stuck", "samples-lost"]
    (_, before), (after, _) = run.source.delivered
    assert lost(run.events) == after - before
    assert 1.0 < (after - before) / RATE < 1.5
    assert run.kept_all_that_came()


def test_a_microphone_that_vanishes_is_told_fades_and_is_taken_back_at_its_place(tmp_path):
    run = Run(tmp_path, {3: RoomSource.pull, 7: RoomSource.plug})
    assert run.changes == ["opened", "lost", "returned", "closed"]
    assert run.output.turned == [False, True]
    assert codes(run.events) == ["samples-lost"]
    (_, before), (after, _) = run.source.delivered
    assert lost(run.events) == after - before
    assert 4.0 < (after - before) / RATE < 5.3  # it is looked for once a second
    assert run.kept_all_that_came()


def test_a_microphone_that_never_returns_leaves_a_stream_that_runs_on_in_silence(tmp_path):
    run = Run(tmp_path, {3: RoomSource.pull})
    assert run.changes == ["opened", "lost", "closed"]
    assert len(run.mixture) == pytest.approx(SECONDS * RATE, abs=RATE)
    assert run.kept_all_that_came()
    assert [e for e in run.events if isinstance(e, Level)][-1].at > SECONDS - 1


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_a_microphone_whose_rate_jumps_loses_nothing(tmp_path, speed):
    run = Run(
        tmp_path,
        {
            3: lambda source: setattr(source, "speed", speed),
            7: lambda source: setattr(source, "speed", 1.0),
        },
    )
    assert codes(run.events) == []
    assert lost(run.events) == 0
    assert run.kept_all_that_came()


def test_a_clock_that_jumps_an_hour_makes_nothing_up(tmp_path):
    """The machine slept: the watchdog's clock is an hour on, the device goes on as before."""
    run = Run(tmp_path, {3: lambda source: source.clock.advance(3600)})
    assert codes(run.events) == []
    assert lost(run.events) == 0
    assert run.changes == ["opened", "closed"]
    assert run.kept_all_that_came()


def test_a_wall_clock_that_is_set_back_is_not_noticed(tmp_path, monkeypatch):
    hours = iter(range(10**9))
    monkeypatch.setattr(time, "time", lambda: 1e9 - 3600 * next(hours))
    run = Run(tmp_path, {})
    times = [event.at for event in run.events]
    assert times == sorted(times)
    assert codes(run.events) == []
    assert run.kept_all_that_came()


def test_blocks_are_as_long_as_a_callback():
    assert BLOCK == RATE // 50
