"""The whole way from clips to names, on the conversation that ships."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from tap_live import bundles
from tap_live.captions.vad import WINDOW, Segmenter, Vad
from tap_live.voices.enrolment import Enroller
from tap_live.voices.gate import GateConfig, VoiceGate
from tap_live.voices.scoring import Scorer

RATE = 16_000
DEMO = Path(bundles.__file__).parent / "demo"


@pytest.fixture(scope="module")
def audio():
    samples, rate = soundfile.read(DEMO / "conversation.ogg", dtype="float32")
    return soxr.resample(samples, rate, RATE).astype(np.float32)


@pytest.fixture(scope="module")
def turns():
    return json.loads((DEMO / "transcript.json").read_text())["turns"]


@pytest.fixture(scope="module")
def prints(encoder, audio, turns):
    """Each voice, enrolled from its first two turns."""
    enroller, scorer, prints = Enroller(encoder, Scorer.open(), Vad.open()), Scorer.open(), {}
    for name in ("Maya", "Ben"):
        own = [turn for turn in turns if turn["speaker"] == name][:2]
        clip = np.concatenate([part(audio, turn) for turn in own])
        voice = enroller.enrol(name, clip, RATE, source="", day="").accepted()
        prints[name] = scorer.print_of(voice.state)
    return prints


def part(audio, turn):
    return audio[round(turn["start"] * RATE) : round(turn["end"] * RATE)]


def starts(encoder, audio, prints, others):
    gate = VoiceGate(encoder, Scorer.open(), prints, GateConfig(others=others))
    vad, segmenter, edges = Vad.open(), Segmenter(), []
    for start in range(0, len(audio) - WINDOW + 1, WINDOW):
        window = audio[start : start + WINDOW]
        edges += gate.push(window, segmenter.push(vad.push(window)))
    edges += gate.flush(segmenter.flush())
    return [edge for edge in edges if edge.kind == "start"]


def test_every_turn_gets_its_name_where_it_begins(encoder, audio, turns, prints):
    found = starts(encoder, audio, prints, "label")
    for turn in turns:
        nearest = min(found, key=lambda edge: abs(edge.position / RATE - turn["start"]))
        assert nearest.speaker == turn["speaker"]
        assert abs(nearest.position / RATE - turn["start"]) <= 0.5
        assert nearest.confidence > 0.8


def test_only_the_one_who_is_asked_for_is_let_through(encoder, audio, turns, prints):
    found = starts(encoder, audio, {"Ben": prints["Ben"]}, "hide")
    own = [turn["start"] for turn in turns if turn["speaker"] == "Ben"]
    assert {edge.speaker for edge in found} == {"Ben"}
    for edge in found:
        assert min(abs(edge.position / RATE - start) for start in own) <= 0.5


def test_a_stranger_gets_no_name(encoder, audio, turns, prints):
    ben = np.concatenate([part(audio, turn) for turn in turns if turn["speaker"] == "Ben"])
    assert starts(encoder, ben, {"Maya": prints["Maya"]}, "hide") == []
