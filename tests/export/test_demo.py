"""The demo bundle is what its card says, and its recipe puts people where the scene has them."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from tap_live.bundle import open_bundle
from tap_live.export.demo import CAFE, RECORDING, TRANSCRIPT, enrolments, write_bundle
from tap_live.export.studio import RATE, Recording, Scene, Transcript, Turn, Voice, record
from tap_live.processor import Audio

SHIPPED = Path(__file__).parents[2] / "tap_live" / "bundles" / "demo"


def hum(text: str, voice: Voice, seed: int) -> Audio:
    """A tone of as many tenths of a second as the text has letters."""
    times = np.arange(len(text) * RATE // 10) / RATE
    return np.asarray(0.1 * np.sin(2 * np.pi * 220.0 * voice.pitch * times), np.float32)


DUET = Scene(
    voices={"a": Voice(), "b": Voice(pitch=2.0)},
    turns=(Turn("a", "hello there"), Turn("b", "hm", gap=0.4), Turn("a", "yes", gap=-0.1)),
    cups=(0.2,),
)


def loudness(audio: Audio) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(np.square(audio)))))


@pytest.fixture(scope="module")
def duet() -> Recording:
    return record(DUET, hum)


def test_turns_start_a_gap_after_the_turn_before(duet: Recording) -> None:
    first, second, third = duet.transcript.turns
    assert first.start == pytest.approx(DUET.lead_in)
    assert first.end == pytest.approx(DUET.lead_in + 1.1)
    assert second.start == pytest.approx(first.end + 0.4)
    assert third.start == pytest.approx(second.end - 0.1), "a negative gap speaks into it"
    assert duet.transcript.seconds == pytest.approx(third.end + DUET.lead_out)


def test_each_voice_is_silent_outside_its_turns(duet: Recording) -> None:
    times = np.arange(len(duet.audio)) / RATE
    for name, clean in duet.clean.items():
        inside = np.zeros(len(clean), bool)
        for turn in duet.transcript.turns:
            if turn.speaker == name:
                inside |= (times >= turn.start) & (times < turn.end)
        assert not clean[~inside].any()
        assert loudness(clean[inside]) == pytest.approx(-23.0, abs=0.1)


def test_the_same_scene_gives_the_same_recording(duet: Recording) -> None:
    np.testing.assert_array_equal(record(DUET, hum).audio, duet.audio)


def test_an_empty_room_is_as_loud_as_the_scene_says() -> None:
    quiet = replace(DUET, cups=(), bed=-60.0, voices={"a": Voice(), "b": Voice()})
    room = record(quiet, lambda text, voice, seed: 0.0 * hum(text, voice, seed)).audio
    assert loudness(room) == pytest.approx(-60.0, abs=0.1)


def test_a_written_bundle_opens_and_plays_what_was_recorded(
    duet: Recording, tmp_path: Path
) -> None:
    write_bundle(tmp_path, duet, {"a": duet.clean["a"]}, ["a figure"])
    bundle = open_bundle(tmp_path, kind="demo")
    audio, rate = soundfile.read(bundle.path(RECORDING), dtype="float32")
    assert (rate, len(audio)) == (RATE, len(duet.audio))
    assert loudness(audio - duet.audio) < loudness(duet.audio) - 15
    written = msgspec.json.decode(bundle.path(TRANSCRIPT).read_bytes(), type=Transcript)
    assert written == duet.transcript
    assert "- a figure" in bundle.path("card.md").read_text(encoding="utf-8")


def test_each_voice_reads_alone_to_be_enrolled() -> None:
    read = enrolments(DUET, {"a": "one two", "b": "three"}, hum)
    assert set(read) == {"a", "b"}
    assert all(loudness(audio) > DUET.bed for audio in read.values())


def test_the_shipped_bundle_holds_the_scene_of_the_recipe() -> None:
    bundle = open_bundle(SHIPPED, kind="demo")
    transcript = msgspec.json.decode(bundle.path(TRANSCRIPT).read_bytes(), type=Transcript)
    assert [(t.speaker, t.text) for t in transcript.turns] == [
        (t.speaker, t.text) for t in CAFE.turns
    ]
    info = soundfile.info(bundle.path(RECORDING))
    assert (info.samplerate, info.channels) == (transcript.rate, 1)
    assert info.duration == pytest.approx(transcript.seconds)
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 1_000_000


def test_the_shipped_transcript_tells_when_somebody_speaks() -> None:
    audio, rate = soundfile.read(SHIPPED / RECORDING, dtype="float32")
    transcript = msgspec.json.decode((SHIPPED / TRANSCRIPT).read_bytes(), type=Transcript)
    edges = [0.0, *(time for turn in transcript.turns for time in (turn.start, turn.end))]
    for before, after in zip(edges[::2], edges[1::2], strict=False):
        # the room answers for 0.3 s after a turn, more quietly than anybody speaks
        assert loudness(audio[round(before * rate) : round(after * rate)]) < -38
    for turn in transcript.turns:
        assert -32 < loudness(audio[round(turn.start * rate) : round(turn.end * rate)]) < -24


def test_transposing_moves_pitch_and_keeps_time() -> None:
    pytest.importorskip("pkg_resources", reason="pyworld needs setuptools below 81")
    pytest.importorskip("pyworld", reason="only the demo's recipe needs pyworld")
    from tap_live.export.studio import VOICE_RATE, pitch_of, transpose

    times = np.arange(2 * VOICE_RATE) / VOICE_RATE
    vowel = 0.1 * np.sum([np.sin(2 * np.pi * 200 * k * times) / k for k in range(1, 40)], axis=0)
    lower = transpose(np.asarray(vowel, np.float32), VOICE_RATE, pitch=0.6, tract=0.86)
    assert len(lower) == len(vowel)
    assert pitch_of(lower, VOICE_RATE) == pytest.approx(120.0, rel=0.02)
