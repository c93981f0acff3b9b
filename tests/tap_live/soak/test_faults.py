from itertools import pairwise

import pytest

from tap_live.soak.faults import LASTING, ONCE, plan


def test_a_seed_gives_the_same_faults_every_time():
    assert plan(3, 600) == plan(3, 600) != plan(4, 600)


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_of_fault_happens_within_four_minutes(seed):
    assert {fault.kind for fault in plan(seed, 240)} == set(LASTING)


@pytest.mark.parametrize("seed", range(20))
def test_faults_come_one_after_the_other_and_end_before_the_stream(seed):
    faults = plan(seed, 3600)
    assert all(before.stop + 3 <= after.start for before, after in pairwise(faults))
    assert faults[-1].stop < 3600


@pytest.mark.parametrize("seed", range(20))
def test_what_turns_a_stage_off_in_the_end_happens_once(seed):
    kinds = [fault.kind for fault in plan(seed, 10 * 3600)]
    assert all(kinds.count(kind) == 1 for kind in ONCE)
