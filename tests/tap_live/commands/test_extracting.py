"""Networks that are ready for targets which come later."""

import numpy as np
import pytest

from tap_live.commands.extracting import asking
from tap_live.extraction import Wanted
from tap_live.targets import Cues, parse_targets

RATE = 16_000
T = np.arange(2 * RATE) / RATE
TONE = (0.2 * np.sin(2 * np.pi * 50 * T)).astype(np.float32)


def test_a_stream_that_is_served_is_open_to_both_kinds():
    assert asking([]).following() is None
    assert set(asking([]).following(open_to_all=True).kinds) == {"voice", "sound"}
    sounds = asking(["text:rain"])
    assert set(sounds.extracting().kinds) == {"sound"}
    assert set(sounds.extracting(open_to_all=True).kinds) == {"voice", "sound"}


def test_none_is_none_also_where_it_is_served():
    assert asking([], extractor="none").following(open_to_all=True) is None


def test_networks_of_another_hop_are_left_out(monkeypatch):
    class Slow:
        hop_s, fade_s, kind = 0.032, 0.004, "voice"

    opened = "tap_live.commands.extracting.Network.open"
    sounds, network = asking(["text:rain"]), asking(["text:rain"]).extracting().networks["sound"]
    monkeypatch.setattr(opened, lambda folder, where: network if "sound" in folder.name else Slow)
    assert set(sounds.extracting(open_to_all=True).kinds) == {"sound"}


def test_a_sound_comes_into_a_stream_that_began_without_targets_and_nothing_clicks():
    extraction = asking([]).following(open_to_all=True).make(RATE, pytest.fail)
    before = extraction.push(TONE[:RATE]).output
    np.testing.assert_allclose(before, TONE[: len(before)], atol=1e-6)
    cues = Cues().of(parse_targets(["text:rain"]))
    extraction.set_targets([Wanted(cue) for cue in cues], 0.0)
    after = np.concatenate([extraction.push(TONE[RATE:]).output, extraction.flush().output])
    steps = np.abs(np.diff(np.concatenate([before[-10:], after])))
    assert steps.max() < 2 * np.abs(np.diff(TONE)).max()
    assert not np.allclose(after, TONE[len(before) :], atol=1e-3)
