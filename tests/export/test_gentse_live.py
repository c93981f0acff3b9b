"""Contexts on one line: where they agree there is no distance, and joins are where they meet."""

from types import SimpleNamespace

import numpy as np
import pytest

from tap_live.export.gentse_live import line_of, mixtures
from tap_live.extractors.chunked import ChunkConfig
from tap_live.extractors.gentse_frames import MelForm
from tap_live.extractors.gentse_plan import GenPlan

POSITIONS, CHUNKS = 100, 8


@pytest.fixture
def plan() -> GenPlan:
    network = SimpleNamespace(
        name="gentse", form=MelForm(16_000, 512, 160, np.zeros((257, 80), np.float32)),
        positions=POSITIONS, before=64, after=12, reach=23, compute_s=0.1,
    )  # fmt: skip
    return GenPlan.of(ChunkConfig(hop_s=0.5, fade_s=0.04, ahead_s=0.1), network, steps=2)


def contexts(plan: GenPlan, said: np.ndarray) -> list[np.ndarray]:
    """What a stream's contexts would hear if a position were heard alike by all of them."""
    padded = np.pad(said, ((POSITIONS, 0), (0, 0)))
    return [padded[plan.end(chunk) : plan.end(chunk) + POSITIONS] for chunk in range(CHUNKS)]


def test_contexts_that_agree_give_the_line_that_they_were_cut_from(plan: GenPlan) -> None:
    said = np.random.default_rng(0).standard_normal((400, 3)).astype(np.float32)
    line, joins, apart = line_of(contexts(plan, said), plan)
    assert len(line) == CHUNKS * plan.hop and joins == [25 * n for n in range(1, CHUNKS)]
    np.testing.assert_allclose(line, said[: len(line)], atol=1e-6)
    assert apart == 0


def test_contexts_that_do_not_agree_are_as_far_apart_as_they_are(plan: GenPlan) -> None:
    said = np.ones((400, 3), np.float32)
    heard = [(1 + number % 2) * part for number, part in enumerate(contexts(plan, said))]
    line, joins, apart = line_of(heard, plan)
    # From 1 to 2 all of the magnitude, from 2 to 1 half of it; four and three times.
    assert apart == pytest.approx((4 * 1 + 3 * 0.5) / 7)
    np.testing.assert_allclose(line[joins[0] : joins[0] + plan.fade, 0], [1.25, 1.75])


def test_the_two_speak_as_often_as_they_are_asked_to_and_never_alike() -> None:
    maya, ben = mixtures(2)
    np.testing.assert_array_equal(maya.mixture, ben.mixture)
    assert float(maya.voice @ ben.voice) < 0.8
    half = len(maya.mixture) // 2
    assert not np.allclose(maya.mixture[:half], maya.mixture[half : 2 * half], atol=1e-2)
