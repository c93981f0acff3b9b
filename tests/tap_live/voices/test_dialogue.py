"""The whole way from clips to names, on people that nothing here was trained on."""

import csv

import numpy as np
import pytest
import soundfile
import soxr

from tap_live.captions.vad import WINDOW, Segmenter, Vad
from tap_live.voices.enrolment import Enroller
from tap_live.voices.gate import GateConfig, VoiceGate
from tap_live.voices.scoring import Scorer

RATE = 16_000
DIALOGUE = "d08"  # two voices, four turns each


@pytest.fixture(scope="module")
def enroller(encoder):
    return Enroller(encoder, Scorer.open(), Vad.open())


@pytest.fixture(scope="module")
def turns(shared):
    with (shared / "data" / "eval" / "turns.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["id"] == DIALOGUE]


@pytest.fixture(scope="module")
def clip(shared):
    return lambda file: soundfile.read(shared / "data" / file, dtype="float32")[0]


@pytest.fixture(scope="module")
def dialogue(turns, clip):
    end = max(float(turn["start"]) + float(turn["seconds"]) for turn in turns)
    audio = np.zeros(round((end + 1) * RATE), np.float32)
    for turn in turns:
        said = clip(turn["file"])
        start = round(float(turn["start"]) * RATE)
        audio[start : start + len(said)] += said[: len(audio) - start]
    return audio


def test_two_people_are_told_apart_and_turns_begin_where_they_began(
    encoder, enroller, turns, clip, dialogue
):
    scorer = Scorer.open()
    voices = {}
    for turn in turns:
        enrolment = enroller.enrol(
            turn["speaker"], clip(turn["enrolment"]), RATE, source="clip", day=""
        )
        assert enrolment.findings == []
        voices[turn["speaker"]] = scorer.print_of(enrolment.accepted().state)
    gate, vad, segmenter = VoiceGate(encoder, scorer, voices, GateConfig()), Vad.open(), Segmenter()
    edges = []
    for start in range(0, len(dialogue) - WINDOW + 1, WINDOW):
        window = dialogue[start : start + WINDOW]
        edges += gate.push(window, segmenter.push(vad.push(window)))
    edges += gate.flush(segmenter.flush())
    starts = [(edge.position / RATE, edge.speaker) for edge in edges if edge.kind == "start"]
    for turn in turns:
        nearest = min(starts, key=lambda found: abs(found[0] - float(turn["start"])))
        assert nearest[1] == turn["speaker"]
        assert abs(nearest[0] - float(turn["start"])) <= 0.5


def test_two_people_in_one_clip_enrol_nobody(enroller, turns, clip):
    first, second = (clip(row["enrolment"])[: 5 * RATE] for row in turns[:2])
    enrolment = enroller.enrol(
        "both", np.concatenate([first, second]), RATE, source="both.wav", day=""
    )
    assert [f.code for f in enrolment.findings if f.refused] == ["voices"]


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda x, rng: np.clip(8 * x / np.abs(x).max(), -1, 1), "clipped"),
        (lambda x, rng: x + 0.6 * x.std() * rng.standard_normal(len(x)), "noisy"),
        (lambda x, rng: x[: RATE // 2], "short"),
        (lambda x, rng: 0.001 * x, "silent"),
    ],
    ids=["clipped", "noisy", "half a second", "silent"],
)
def test_a_spoilt_clip_is_refused_for_what_was_done_to_it(enroller, turns, clip, spoil, code):
    audio = spoil(clip(turns[0]["enrolment"]), np.random.default_rng(0)).astype(np.float32)
    findings = enroller.enrol("ana", audio, RATE, source="a.wav", day="").findings
    assert code in [finding.code for finding in findings if finding.refused]


def test_rates_and_levels_of_a_clip_do_not_change_the_voice(enroller, turns, clip):
    audio = clip(turns[0]["enrolment"])
    plain = enroller.enrol("ana", audio, RATE, source="", day="").voice
    high = soxr.resample(0.3 * audio, RATE, 48_000).astype(np.float32)
    other = enroller.enrol("ana", high, 48_000, source="", day="").voice
    assert np.dot(plain.embedding, other.embedding) > 0.999
