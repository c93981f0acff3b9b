"""A stream whose network is told who speaks beside a voice, as soon as that is known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from tap_live.bundle import open_bundle
from tap_live.commands.demo import BUNDLE
from tap_live.extractors import overheard
from tap_live.extractors.compact import CompactExtractor
from tap_live.extractors.network import Network
from tap_live.extractors.overheard import EVERY_S, LATE_S, Overheard
from tap_live.processor import Audio, Targets
from tap_live.targets import EmbeddedCue
from tap_live.voices.enrolment import Enroller

RATE = 16_000
HOP = 256
EMPTY = np.zeros(0, np.float32)


@pytest.fixture(scope="module")
def maya() -> EmbeddedCue:
    return EmbeddedCue("voice:maya", "voice", embedding_of("maya"), EMPTY)


@pytest.fixture(scope="module")
def overlap() -> Audio:
    return clip("overlap.ogg")[: 8 * RATE]


@pytest.fixture(scope="module")
def network(beside_bundle: Path) -> Network:
    return Network.open(beside_bundle)


def clip(name: str) -> Audio:
    samples, rate = soundfile.read(open_bundle(BUNDLE, "demo").path(name), dtype="float32")
    found: Audio = soxr.resample(samples, rate, RATE)
    return found


def embedding_of(name: str) -> Audio:
    voice = Enroller.open().enrol(name, clip(f"{name}.ogg"), RATE, source="", day="").voice
    return np.array(voice.embedding, np.float32)


def made(network: Network, *cues: EmbeddedCue) -> CompactExtractor:
    extractor = CompactExtractor({"voice": network}, RATE)
    extractor.set_cues(cues)
    return extractor


def run(extractor: CompactExtractor, audio: Audio, size: int) -> Targets:
    parts = [extractor.push(audio[i : i + size]) for i in range(0, len(audio), size)]
    return np.concatenate([*parts, extractor.flush()], axis=1)


def test_who_speaks_beside_a_voice_is_known_half_a_second_after_two(maya: EmbeddedCue) -> None:
    ears, ben = Overheard(RATE, HOP), clip("ben.ogg")[RATE:]
    ears.follow({"maya": maya.positive})
    silence, told = np.zeros(HOP, np.float32), []
    for hop in range(160):
        left = ben[hop * HOP : (hop + 1) * HOP]
        if ears.push(left, {"maya": silence}):
            told.append(hop + 1)
    assert told == [round(EVERY_S * RATE / HOP) + -(-int(LATE_S * RATE) // HOP)]
    assert ears.known("maya") @ embedding_of("ben") > 0.8
    ears.restart()
    assert not ears.known("maya").any()


def test_who_is_asked_for_again_goes_on_with_what_is_known(maya: EmbeddedCue) -> None:
    ears, ben = Overheard(RATE, HOP), clip("ben.ogg")[RATE:]
    ears.follow({"maya": maya.positive})
    for at in range(0, 160 * HOP, HOP):
        ears.push(ben[at : at + HOP], {"maya": np.zeros(HOP, np.float32)})
    known = ears.known("maya")
    ears.follow({"eva": maya.positive[::-1], "maya": maya.positive})
    np.testing.assert_array_equal(ears.known("maya"), known)
    ears.follow({"maya": maya.positive[::-1]})  # enrolled anew
    assert known.any() and not ears.known("maya").any()


@pytest.mark.parametrize("size", [255, 1_600, 8 * RATE])
def test_the_network_is_told_at_the_same_place_however_a_stream_is_cut(
    network: Network, maya: EmbeddedCue, overlap: Audio, size: int
) -> None:
    extractor = made(network, maya)
    found = run(extractor, overlap, size)
    np.testing.assert_array_equal(found, run(made(network, maya), overlap, HOP))
    np.testing.assert_array_equal(found, run(extractor, overlap, size))  # as new after a flush


def test_before_anybody_is_known_nothing_is_told_and_then_it_is(
    network: Network, maya: EmbeddedCue, overlap: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = run(made(network, maya), overlap, HOP)
    monkeypatch.setattr(overheard.Overheard, "push", lambda *_: [])
    alone = run(made(network, maya), overlap, HOP)
    due = round((EVERY_S + LATE_S) * RATE)
    np.testing.assert_array_equal(told[:, : due - HOP], alone[:, : due - HOP])
    assert np.abs(told - alone)[:, due + HOP :].max() > 1e-3


def test_an_encoder_that_stands_still_is_waited_for_once(
    network: Network, maya: EmbeddedCue, overlap: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    class Standing:
        def __init__(self, *_: Any) -> None: ...

        def ended(self, patience_s: float) -> bool:
            asked.append(patience_s)
            return False

    monkeypatch.setattr(overheard, "Computing", Standing)
    extractor = made(network, maya)
    found = extractor.push(overlap)
    assert asked == [overheard.PATIENCE_S] and np.isfinite(found).all()
