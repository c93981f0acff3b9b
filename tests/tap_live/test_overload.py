from itertools import pairwise

import numpy as np

from tap_live.overload import Overload, OverloadConfig

RATE = 1000


def story(*behind_at):
    """What is said when the stream is at these times and the worker so many seconds behind."""
    overload, said = Overload(RATE), []
    for now, behind in behind_at:
        warned = overload.watch(round((now - behind) * RATE), round(now * RATE))
        if warned:
            said.append((now, warned.code))
    return overload, said


def test_a_machine_that_keeps_up_is_left_alone():
    _, said = story(*[(k / 10, 0.2) for k in range(1000)])
    assert said == []


def test_too_slow_is_said_once_and_so_is_recovery():
    slow = [(10 + k / 10, 0.3) for k in range(10)]
    well = [(11 + k / 10, 0.0) for k in range(50)]
    overload, said = story(*slow, *well)
    assert said == [(10.0, "extraction-slow"), (12.0, "extraction-recovered")]
    assert not overload.resting
    np.testing.assert_allclose(overload.rested, 2.0)


def test_it_rests_on_while_it_is_still_behind():
    _, said = story((10, 1.0), (13, 0.5), (14, 0.06), (15, 0.04))
    assert said == [(10, "extraction-slow"), (15, "extraction-recovered")]


def test_a_machine_that_is_always_too_slow_is_tried_less_and_less_often():
    config, overload, at = OverloadConfig(), Overload(RATE), []
    for tick in range(60_000):  # 10 minutes: behind whenever extraction is on
        now = tick / 100
        behind = 0.0 if overload.resting else 0.3
        warned = overload.watch(round((now - behind) * RATE), round(now * RATE))
        if warned and warned.code == "extraction-recovered":
            at.append(now)
    rests = [later - earlier for earlier, later in pairwise(at)]
    assert [round(rest) for rest in rests[:5]] == [4, 8, 16, 32, 64]
    assert max(rests) <= config.longest + 0.1


def test_after_a_steady_while_it_counts_as_the_first_time_again():
    _, said = story((2, 0.3), (4, 0.0), (6, 0.3), (10, 0.0), (80, 0.3), (82, 0.0))
    assert [code for _, code in said] == ["extraction-slow", "extraction-recovered"] * 3


def test_what_came_at_once_after_a_gap_is_no_slowness():
    """A device that got stuck is noticed after a second, which is then filled in."""
    working_off = [(21.1 + k / 10, 1.2 - k / 10) for k in range(12)]
    _, said = story((19.9, 0.0), *working_off, (22.5, 0.1))
    assert said == []


def test_a_machine_that_does_not_work_off_what_came_at_once_is_too_slow():
    still_behind = [(20.5 + k / 10, 0.6) for k in range(20)]
    _, said = story((19.9, 0.0), *still_behind)
    assert said == [(22.1, "extraction-slow")]


def test_hops_that_take_long_every_time_are_slowness_soon():
    _, said = story((19.9, 0.0), *[(20 + 0.3 * k, 0.3) for k in range(10)])
    assert len(said) == 1
    assert said[0][0] < 22
