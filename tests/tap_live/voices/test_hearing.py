import numpy as np
import pytest

from tap_live.voices.hearing import Hearing
from tap_live.voices.scoring import Scorer


@pytest.fixture(scope="module")
def scorer():
    return Scorer.open()


def listen(encoder, scorer, audio, size):
    rng = np.random.default_rng(1)
    hearing = Hearing(encoder, scorer, [scorer.print_of(rng.standard_normal(256))])
    for start in range(0, len(audio), size):
        hearing.push(audio[start : start + size])
        if start < 8000 <= start + size:
            hearing.begin(3200)
    return hearing.steps()


@pytest.mark.parametrize("size", [160, 512, 1000, 3999])
def test_cutting_does_not_change_what_is_heard(encoder, scorer, voice, size):
    audio = voice(3.0)
    cut, whole = (listen(encoder, scorer, audio, s) for s in (size, 8001))
    assert [step.position for step in cut] == [step.position for step in whole]
    for a, b in zip(cut, whole, strict=True):
        np.testing.assert_allclose(a.ratios, b.ratios, atol=2e-3)


def test_a_step_is_every_fifth_of_a_second_of_speech_not_of_silence(encoder, scorer, voice):
    gap = np.zeros(16_000, np.float32)
    steps = listen(encoder, scorer, np.concatenate([voice(1.2), gap, voice(1.2)]), 512)
    positions = np.array([step.position for step in steps]) / 16_000
    assert len(steps) in (10, 11)  # 2.2 s of speech after the beginning at 0.2 s
    assert not ((positions > 1.21) & (positions < 2.19)).any()


def test_later_windows_add_to_what_is_known_of_a_step(encoder, scorer, voice):
    audio = voice(3.0)
    early = listen(encoder, scorer, audio[:12_000], 512)
    late = listen(encoder, scorer, audio, 512)
    assert early[0].position == late[0].position
    assert early[0].ratios != late[0].ratios
