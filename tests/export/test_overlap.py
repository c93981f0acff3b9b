"""The figures of the overlapped recording are those of its parts."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tap_live.commands.apart import Part
from tap_live.export import overlap
from tap_live.export.demo import CAFE
from tap_live.export.overlap import AUDIBLE, BIRD, at_once, measure, story
from tap_live.export.studio import RATE, Recording, Voice, record
from tap_live.extractors.network import Network
from tap_live.processor import Audio
from tap_live.voices.store import Voice as Enrolled


def hiss(text: str, voice: Voice, seed: int) -> Audio:
    """Noise as long as the spoken turn, another for each."""
    audio = np.random.default_rng(seed).standard_normal(round(len(text) / 18 * RATE))
    return np.asarray(0.05 * audio, np.float32)


@pytest.fixture(scope="module")
def recording() -> Recording:
    return record(at_once(CAFE.voices), hiss)


def test_two_talk_at_once_for_seconds_and_one_with_a_bird(recording: Recording) -> None:
    maya, ben, again = recording.transcript.turns
    assert maya.speaker == again.speaker == "Maya" and ben.speaker == "Ben"
    assert min(maya.end, ben.end) - ben.start > 4.0
    bird = recording.heard[BIRD]
    assert np.abs(bird[: round(7.2 * RATE)]).max() < AUDIBLE, "it begins after they are done"
    assert bird[round(again.start * RATE) : round(again.end * RATE)].any()
    assert f"{ben.start:.1f} to {maya.end:.1f} s" in story(recording)


def test_what_is_measured_is_the_distance_from_the_parts(
    recording: Recording, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A network that takes nine tenths of all that is wrong away gains 20 dB."""

    def extracted(audio: Audio, rate: int, part: Part, network: Network) -> Iterator[Audio]:
        name = part.wanted.cue.name.removeprefix("voice:")
        wanted = recording.heard.get(name, recording.audio - recording.heard[BIRD])
        yield wanted + np.float32(0.1) * (audio - wanted)

    @contextmanager
    def networks(where: object) -> Iterator[dict[str, str]]:
        yield {"voice": "a network", "sound": "another"}

    monkeypatch.setattr(overlap, "extracted", extracted)
    monkeypatch.setattr(overlap, "open_networks", networks)
    file = tmp_path / "overlap.wav"
    soundfile.write(file, recording.audio, RATE, "FLOAT")
    numbers = (1.0,) + (0.0,) * 255
    voices = [
        Enrolled(name=name, embedding=numbers, state=numbers, clips=()) for name in ("Maya", "Ben")
    ]
    figures = measure(recording, file, voices)
    assert figures.keys() == {"maya", "ben", "all-but"}
    for figure in figures.values():
        before, after = map(float, re.findall(r"(-?[\d.]+) dB (?:before|after)", figure)[:2])
        assert after - before == pytest.approx(20.0, abs=0.3)
    loud, soft = map(float, re.findall(r"(-[\d.]+) dBFS", figures["all-but"]))
    assert 15 < loud - soft < 20.1, "the room's noise stays"
