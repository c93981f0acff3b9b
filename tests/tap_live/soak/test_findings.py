"""A made-up stream that is as it should be, and each way in which it could not be."""

from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from msgspec.structs import replace

from tap_live.events import Caption, Stats, Warned, Word, encode
from tap_live.recorder import LINES, MIXTURE
from tap_live.soak.evidence import Evidence
from tap_live.soak.faults import Fault
from tap_live.soak.findings import (
    AHEAD,
    ARENA_MB,
    GROWTH_MB,
    GROWTH_S,
    STEADY_S,
    Streamed,
    findings,
)
from tap_live.soak.heard import UNHEARD_S
from tap_live.soak.meeting import RATE, Meeting

SEED, HEARD = 5, 30 * RATE  # the microphone gave so much, of a stream of an hour
SECONDS = 3600.0
GONE = (12 * RATE, 14 * RATE)
PART = slice(4 * RATE, 9 * RATE)  # that a recording begun meanwhile has


@pytest.fixture(scope="module")
def meeting():
    made = Meeting(SEED)
    audio = next(made.blocks(HEARD)).copy()
    audio[slice(*GONE)] = 0
    audio = np.append(audio, np.zeros(RATE, np.float32))  # silence, once the microphone is gone
    return audio, [turn for turn in made.turns if turn.stop < HEARD]


def said(turns):
    """A final for each word of some turns, 1.3 s after it."""
    finals = []
    for turn in turns:
        words, start = turn.text.split(), turn.start / RATE
        step = (turn.stop - turn.start) / RATE / len(words)
        for n, text in enumerate(words):
            begin, end = start + n * step, start + (n + 1) * step
            word = Word(f" {text}", begin, end, 1.0)
            finals.append(
                Caption(
                    id=len(finals), revision=0, state="final", start=begin, end=end, words=(word,),
                    at=end + 1.3,
                )
            )  # fmt: skip
    return finals


@pytest.fixture
def soaked(tmp_path, meeting):
    """All that a clean stream leaves behind; a test spoils one thing, and asks for `broken`."""
    audio, turns = meeting
    clean = SimpleNamespace(
        audio=audio,
        seconds=SECONDS,
        faults=[Fault("microphone pulled out", 12.0, 14.0)],
        turns=turns,
        delivered=[(0, GONE[0]), (GONE[1], HEARD)],
        lost=GONE[1] - GONE[0],
        said=said(turns),
        kept=said(turns),
        in_part=[
            final
            for final in said(turns)
            if final.end * RATE > PART.start and final.start * RATE < PART.stop
        ],
        read=[final.id for final in said(turns)],
        incidents=[Warned(code="samples-lost", text="the microphone was gone", at=14.0)],
        memory=wander(),
        crashes=[],
        errors=[],
    )
    clean.broken = lambda: broken(clean, tmp_path)
    return clean


def wander(growth=0.0, noise=1.0):
    """MB over an hour, which grow by so much from the second quarter to the last."""
    at = np.arange(0, SECONDS, 20.0)
    values = 300 + noise * np.random.default_rng(0).standard_normal(len(at))
    return list(zip(at, values + growth * at / (SECONDS / 2), strict=True))


def broken(made, folder):
    """What the soak finds that is not as promised."""
    part = folder / "part"
    part.mkdir()
    for where, audio, finals in (
        (folder, made.audio, made.kept),
        (part, made.audio[PART], made.in_part),
    ):
        soundfile.write(where / MIXTURE, audio, RATE, "PCM_24")
        (where / LINES).write_bytes(b"".join(encode(final) + b"\n" for final in finals))
    evidence = Evidence(folder / "finals.jsonl")
    with evidence.watching():
        for event in [*made.said, *made.incidents]:
            evidence.take(event)
        evidence.take(Stats(stages={}, backlog=0.0, lost=made.lost, overload=0.0))
    evidence.memory = made.memory
    evidence.crashes.update(made.crashes)
    streamed = Streamed(
        seed=SEED, seconds=made.seconds, wall_s=1.0, faults=made.faults, turns=made.turns,
        delivered=made.delivered, read=made.read, whole=folder, parts=[part],
    )  # fmt: skip
    found = findings(streamed, evidence, made.errors)
    assert all(finding.kept for finding in found if not finding.promise)
    return [finding.what for finding in found if not finding.kept]


def test_of_a_stream_that_is_as_it_should_be_every_promise_is_kept(soaked):
    assert len(soaked.turns) > 3
    assert soaked.broken() == []


def test_a_final_that_the_subscriber_did_not_get_is_a_broken_promise(soaked):
    soaked.read.pop(1)
    assert soaked.broken() == ["finals the subscriber lost"]


def test_a_final_that_the_subscriber_got_twice_is_one(soaked):
    soaked.read.append(1)
    assert soaked.broken() == ["finals that came to it twice"]


def test_a_final_that_the_recording_lacks_is_one(soaked):
    soaked.kept.pop()
    assert soaked.broken() == ["finals the recording lost"]


def test_a_final_that_the_recording_has_twice_is_one(soaked):
    soaked.kept.append(soaked.kept[0])
    assert soaked.broken() == ["finals that it has twice"]


def test_samples_that_came_and_were_not_kept_are_one(soaked):
    soaked.audio = soaked.audio.copy()
    soaked.audio[RATE : RATE + 320] = 0
    assert soaked.broken() == ["lost samples"]


def test_a_recording_that_ends_before_the_stream_is_one(soaked):
    soaked.audio = soaked.audio[: 20 * RATE]
    assert soaked.broken() == ["lost samples"]


def test_a_stream_that_ends_before_what_it_was_given_is_one_however_whole_its_recording(soaked):
    soaked.seconds, soaked.audio = 20.0, soaked.audio[: 20 * RATE]
    assert soaked.broken() == ["lost samples"]


def test_what_the_device_was_ahead_when_a_stream_was_stopped_is_not_lost(soaked):
    end = HEARD - AHEAD
    soaked.seconds, soaked.audio = end / RATE, soaked.audio[:end]
    assert soaked.broken() == []


@pytest.mark.parametrize("declared", [0, RATE, 3 * RATE])
def test_a_gap_that_is_declared_too_short_or_too_long_is_one(soaked, declared):
    soaked.lost = declared
    assert soaked.broken() == ["samples lost while the microphone was gone"]


def test_a_warning_that_no_fault_explains_is_one(soaked):
    soaked.incidents.append(Warned(code="samples-lost", text="late", at=25.0))
    assert soaked.broken() == ["warnings and errors that no fault explains"]


@pytest.mark.parametrize(
    ("code", "stage"), [("captions-behind", "captions"), ("extraction-recovered", "extraction")]
)
def test_an_overload_that_was_not_injected_is_one(soaked, code, stage):
    soaked.incidents.append(Warned(code=code, text="behind", at=25.0, start=1.0, stop=4.0))
    assert soaked.broken() == [
        f"overload of {stage}",
        "warnings and errors that no fault explains",
    ]


def hush(soaked, turn):
    """Let a turn be misheard."""
    for finals in (soaked.said, soaked.in_part):
        for n, final in enumerate(finals):
            if turn.start <= final.start * RATE < turn.stop:
                finals[n] = replace(final, words=(replace(final.words[0], text=" hm"),))


def test_a_turn_that_nobody_captioned_is_one(soaked):
    hush(soaked, soaked.turns[-1])
    assert soaked.turns[-1].start / RATE > 14 + UNHEARD_S["microphone pulled out"][1]
    assert soaked.broken() == ["turns without captions"]


def test_a_turn_while_the_microphone_was_gone_is_none(soaked):
    turn = next(turn for turn in soaked.turns if turn.stop > GONE[0])
    assert turn.start < GONE[1]
    hush(soaked, turn)
    assert soaked.broken() == []


def test_a_word_that_a_recording_begun_meanwhile_lacks_is_one(soaked):
    soaked.in_part.pop()
    assert soaked.broken() == ["words wrong in recordings begun meanwhile"]


@pytest.mark.parametrize("noise", [0.01, 1.0, 50.0])
def test_memory_that_grows_by_more_than_the_bound_is_one_whatever_the_noise(soaked, noise):
    soaked.memory = wander(growth=GROWTH_MB * 2, noise=noise)
    assert soaked.broken() == ["memory"]


def test_memory_that_grows_steadily_is_one_however_little_if_noise_does_not_explain_it(soaked):
    soaked.memory = wander(growth=2 * ARENA_MB, noise=0.1)
    assert soaked.broken() == ["memory"]


@pytest.mark.parametrize(("growth", "noise"), [(2 * ARENA_MB, 4.0), (0.9 * ARENA_MB, 0.01)])
def test_memory_that_grows_within_its_noise_or_by_less_than_python_takes_is_none(
    soaked, growth, noise
):
    soaked.memory = wander(growth, noise)
    assert soaked.broken() == []


def test_memory_of_a_stream_too_short_to_tell_is_none(soaked):
    soaked.seconds, soaked.memory = STEADY_S - 1, wander(growth=GROWTH_MB * 1.1)
    assert soaked.broken() == []


def test_finals_that_come_later_and_later_are_one(soaked):
    late = 4 * GROWTH_S / len(soaked.said)
    soaked.said = [replace(final, at=final.at + n * late) for n, final in enumerate(soaked.said)]
    assert soaked.broken() == ["delay of finals"]


@pytest.mark.parametrize("where", ["crashes", "errors"])
def test_a_crash_is_one(soaked, where):
    getattr(soaked, where).append("extraction: ValueError('this was injected')")
    assert soaked.broken() == ["crashes"]
