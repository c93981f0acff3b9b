import numpy as np
import pytest

from tap_live.extraction import Mixed
from tap_live.presence import Presence
from tap_live.signs import Signs, Thresholds

RATE = 8_000
NOISE = 0.1 * np.random.default_rng(0).standard_normal(10 * RATE).astype(np.float32)


def mixed(mixture, *shares, names=None):
    rows = np.array([share * mixture for share in shares], np.float32)
    rows = rows.reshape(len(shares), len(mixture))
    names = names or tuple(f"voice:{k}" for k in range(len(shares)))
    return Mixed(mixture, mixture, rows, names)


def story(share, size=160, mixture=NOISE):
    """(time, present) of one target whose share of the mixture is given sample by sample."""
    presence, said, one = Presence(RATE), [], mixed(mixture, share)
    for start in range(0, len(mixture), size):
        part = Mixed(
            one.mixture[start : start + size],
            one.output[start : start + size],
            one.targets[:, start : start + size],
            one.names,
        )
        for event in presence.push(part):
            said.append((round((start + size) / RATE, 2), event.present))
    return said


def step(*levels):
    """Equally long stretches at some levels in dB."""
    gains = [10 ** (level / 20) for level in levels]
    return np.repeat(gains, len(NOISE) // len(gains)).astype(np.float32)


@pytest.mark.parametrize("size", [37, 160, 4000])
def test_a_target_comes_and_goes(size):
    said = story(step(-30, -3, -30, -30, -30), size)
    assert [present for _, present in said] == [True, False]
    assert [at for at, _ in said] == pytest.approx([2.2, 4.5], abs=0.6 if size == 4000 else 0.12)


def test_between_the_thresholds_nothing_changes():
    assert story(step(-5.5, -5.5)) == []
    assert [present for _, present in story(step(-3, -5.5, -5.5, -5.5))] == [True]


def test_each_target_is_judged_by_the_thresholds_of_its_own_network():
    levels = mixed(NOISE, 0.4, 0.4)  # -8 dB
    signs = Signs(Thresholds()), Signs(Thresholds(on=-9.0, off=-10.0))
    both = Mixed(NOISE, NOISE, levels.targets, ("voice:ana", "text:rain"), signs=signs)
    assert [(event.name, event.present) for event in Presence(RATE).push(both)] == [
        ("text:rain", True)
    ]


def test_what_is_loud_but_not_like_what_was_asked_for_is_not_there():
    def liken(audio, rate):
        return 0.9 if audio.max() < 0.2 else 0.1  # the loud half is something else

    signs = (Signs(Thresholds(like=0.5), liken),)
    loud = np.repeat([1.0, 0.3, 1.0], len(NOISE) // 3)
    mixture = (NOISE[: len(loud)] * loud).astype(np.float32)
    whole = Mixed(mixture, mixture, mixture[None], ("text:rain",), signs=signs)
    presence = Presence(RATE)
    events = presence.push(whole)
    presence.end()
    assert [event.present for event in events] == [True, False]


def test_a_pause_between_words_is_no_absence():
    on, off = np.full(6 * RATE // 10, 0.7), np.full(4 * RATE // 10, 0.01)
    share = np.tile(np.concatenate([on, off]), 10).astype(np.float32)
    assert [present for _, present in story(share)] == [True]


def test_a_moment_is_no_presence():
    share = step(-40)
    share[RATE : RATE + RATE // 10] = 1
    assert story(share) == []


def test_silence_is_no_target():
    assert story(step(0), mixture=1e-4 * NOISE) == []


def test_a_target_that_is_asked_for_no_more_has_gone():
    presence = Presence(RATE)
    (came,) = presence.push(mixed(NOISE, 1.0, 0.01))
    assert (came.name, came.present) == ("voice:0", True)
    assert came.level == pytest.approx(-20, abs=0.5)
    (went,) = presence.push(mixed(NOISE, 0.01, names=("voice:1",)))
    assert (went.name, went.present, went.level) == ("voice:0", False, None)


def test_without_targets_nothing_is_said():
    assert Presence(RATE).push(mixed(NOISE)) == []
