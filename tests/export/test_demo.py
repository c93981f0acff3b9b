"""The demo bundle is what its card says, and its recipe puts all that is heard where it belongs."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile

from tap_live.bundle import open_bundle
from tap_live.commands.apart import overlap_of
from tap_live.export.demo import (
    CAFE,
    OVERLAPPED,
    RECORDING,
    TRANSCRIPT,
    enrolments,
    write_bundle,
    write_sounds,
)
from tap_live.export.overlap import BIRD, at_once, story
from tap_live.export.studio import (
    RATE,
    Disturbance,
    Recording,
    Scene,
    Transcript,
    Turn,
    Voice,
    record,
)
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


def whistle(samples: int, rng: np.random.Generator) -> Audio:
    return np.asarray(np.sin(2 * np.pi * 3000.0 * np.arange(samples) / RATE), np.float32)


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


def test_a_sound_is_as_loud_as_the_scene_has_it_and_only_then() -> None:
    sound = Disturbance(whistle, start=0.3, end=1.3, level=-30.0, reverberation=-60.0)
    heard = record(replace(DUET, sounds={"a whistle": sound}), hum).heard["a whistle"]
    assert loudness(heard[: round(0.3 * RATE)]) < -100
    assert loudness(heard[round(0.4 * RATE) : round(1.2 * RATE)]) == pytest.approx(-30.0, abs=0.3)
    assert loudness(heard[round(1.8 * RATE) :]) < -100, "the room has died away"


def test_what_is_heard_is_the_parts_and_the_room_behind_them() -> None:
    sounds = {"a whistle": Disturbance(whistle, start=0.3, end=1.3)}
    scene = replace(DUET, cups=(), sounds=sounds, bed=-60.0)
    recording = record(scene, hum)
    room = recording.audio - sum(recording.heard.values())
    assert loudness(room) == pytest.approx(-60.0, abs=0.1)


def test_a_sound_leaves_the_voices_as_they_were(duet: Recording) -> None:
    with_sound = record(replace(DUET, sounds={"x": Disturbance(whistle, 0.3, 1.3)}), hum)
    for name, voice in duet.heard.items():
        np.testing.assert_array_equal(with_sound.heard[name], voice)


@pytest.fixture(scope="module")
def canary() -> Recording:
    """The overlapped scene, hummed: its turns are longer than the spoken ones."""
    return record(at_once(CAFE.voices), hum)


def test_a_written_bundle_opens_and_plays_what_was_recorded(
    duet: Recording, canary: Recording, tmp_path: Path
) -> None:
    clips = write_sounds(tmp_path, duet, canary, {"a": duet.clean["a"]})
    write_bundle(tmp_path, duet, canary, clips, {"a": "much"}, ["a figure"])
    bundle = open_bundle(tmp_path, kind="demo")
    audio, rate = soundfile.read(bundle.path(RECORDING), dtype="float32")
    assert (rate, len(audio)) == (RATE, len(duet.audio))
    assert loudness(audio - duet.audio) < loudness(duet.audio) - 15
    overlap = overlap_of(bundle)
    assert (overlap.sound, overlap.measured) == (BIRD, {"a": "much"})
    assert overlap.story == story(canary)
    assert soundfile.info(bundle.path(overlap.recording)).frames == len(canary.audio)
    written = msgspec.json.decode(bundle.path(TRANSCRIPT).read_bytes(), type=Transcript)
    assert written == duet.transcript
    card = bundle.path("card.md").read_text(encoding="utf-8")
    assert "- a figure\n- taken apart: much" in card


def test_a_sound_that_is_there_already_is_not_written_again(
    duet: Recording, canary: Recording, tmp_path: Path
) -> None:
    def written(recording: Recording) -> bytes:
        write_sounds(tmp_path, recording, canary, {})
        return (tmp_path / RECORDING).read_bytes()

    first = written(duet)
    assert written(duet) == first, "a new file would have another serial number"
    assert written(replace(duet, audio=0.5 * duet.audio)) != first
    assert {path.name for path in tmp_path.iterdir()} == {RECORDING, OVERLAPPED}


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


def test_the_shipped_overlap_is_a_small_file_that_its_card_tells_of() -> None:
    bundle = open_bundle(SHIPPED, kind="demo")
    overlap = overlap_of(bundle)
    info = soundfile.info(bundle.path(overlap.recording))
    assert (info.samplerate, info.channels) == (RATE, 1)
    assert 15 <= info.duration <= 20
    assert bundle.path(overlap.recording).stat().st_size < 250_000
    card = bundle.path("card.md").read_text(encoding="utf-8")
    assert overlap.story in card.replace("\n", " ")
    assert overlap.measured.keys() == {"maya", "ben", "all-but"}
    assert all(f"- taken apart: {figure}" in card for figure in overlap.measured.values())
    for turn in at_once(CAFE.voices).turns:
        assert turn.text in card


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
