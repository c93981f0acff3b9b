from dataclasses import replace

import pytest

from tap_live.voices.verdict import Figures, judge

GOOD = Figures(
    seconds=12.0, speech=9.0, level=-26.0, snr=35.0, clipped=0.0, voiced=0.9, likeness=0.8
)


def test_nothing_is_wrong_with_a_good_clip():
    assert judge(GOOD) == []


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"level": -80.0}, "silent", "is the microphone muted"),
        ({"speech": 0.3}, "no-voice", "music and noise cannot be enrolled"),
        ({"speech": 0.4, "seconds": 0.5}, "short", "0.4 s of speech in 0.5 s; 5 s are needed"),
        ({"speech": 4.9}, "short", "4.9 s of speech in 12.0 s"),
        ({"voiced": 0.3}, "no-voice", "30 % of the sound"),
        ({"likeness": 0.1}, "voices", "more than one voice: "),
        ({"level": -55.0}, "quiet", "too quiet: -55 dBFS"),
        ({"clipped": 0.03}, "clipped", "3.0 % of the samples; turn the microphone down"),
        ({"snr": 5.0}, "noisy", "only 5 dB above it; find a quieter place"),
    ],
)
def test_a_bad_clip_is_refused_with_the_reason(change, code, text):
    finding, *_ = judge(replace(GOOD, **change))
    assert finding.refused and finding.code == code and text in finding.text


@pytest.mark.parametrize(
    ("change", "code"),
    [({"level": -45.0}, "quiet"), ({"clipped": 0.002}, "clipped"), ({"snr": 12.0}, "noisy")],
)
def test_a_clip_that_could_be_better_is_warned_of(change, code):
    (finding,) = judge(replace(GOOD, **change))
    assert not finding.refused and finding.code == code


def test_what_refuses_a_clip_is_said_first():
    findings = judge(replace(GOOD, level=-45.0, snr=5.0))
    assert [finding.refused for finding in findings] == [True, False]
