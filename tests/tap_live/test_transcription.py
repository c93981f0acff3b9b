import math

import numpy as np
import pytest
import soundfile

from tap_live.captions.vad import RATE
from tap_live.events import Caption, Failed, Warned, Word
from tap_live.extraction import Mixed
from tap_live.late import caption_late
from tap_live.transcription import BACKLOG_S, FAILURES, RESUME_S, Transcription


class Counter:
    """A captioner that says how much it heard: a final for each second that is not silent."""

    lookahead = 0

    def __init__(self, start, first_id, fails=lambda second: False):
        self.start, self.id, self.fails = math.ceil(start), first_id, fails
        self.before = round((self.start - start) * RATE)  # samples until a second begins
        self.heard = np.empty(0, np.float32)
        self.second = 0

    def push(self, block):
        self.heard = np.concatenate([self.heard, block[self.before :]])
        self.before = max(0, self.before - len(block))
        captions = []
        while len(self.heard) >= RATE:
            second, self.heard = self.heard[:RATE], self.heard[RATE:]
            captions += self.caption(second)
        return captions

    def caption(self, audio):
        at = self.start + self.second
        self.second += 1
        if self.fails(at):
            raise RuntimeError("out of words")
        if not np.abs(audio).max() > 0.01:
            return []
        self.id += 1
        words = (Word(f" {at:g}", at, at + 1, 1.0),)
        return [
            Caption(id=self.id - 1, revision=0, state="final", start=at, end=at + 1, words=words)
        ]

    def flush(self):
        rest, self.heard = self.heard, np.empty(0, np.float32)
        return self.caption(rest) if len(rest) else []


def sound(seconds, rate=RATE):
    return np.full(round(seconds * rate), 0.5, np.float32)


def mixed(block):
    return Mixed(block, block, np.empty((0, len(block)), np.float32))


def transcribe(blocks, make=Counter, rate=RATE):
    events = []
    transcription = Transcription(make, rate, events.append)
    for block in blocks:
        transcription.write(mixed(block))
    transcription.end()
    transcription.run()
    return transcription, events


def times(events):
    return [e.start for e in events if isinstance(e, Caption)]


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 48_000])
def test_all_that_was_written_is_captioned_at_its_time(rate):
    transcription, events = transcribe([sound(3.5, rate)], rate=rate)
    assert times(events) == [0, 1, 2, 3]
    assert transcription.backlog == 0


def test_what_is_too_far_behind_is_skipped_and_said_and_later_times_stay_true():
    transcription, events = transcribe([sound(50)])
    (warning,) = [e for e in events if isinstance(e, Warned)]
    assert (warning.code, warning.start, warning.stop) == ("captions-behind", 0, 50 - RESUME_S)
    assert times(events) == list(range(50 - RESUME_S, 50))
    assert transcription.skipped == [(0, (50 - RESUME_S) * RATE)]
    assert BACKLOG_S < 50


def test_a_captioner_that_fails_begins_anew_at_the_same_place_with_new_ids():
    def make(start, first_id):
        return Counter(start, first_id, fails=lambda second: second == 3 and start < 1)

    _, events = transcribe([sound(1)] * 8, make)
    (warning,) = [e for e in events if isinstance(e, Warned)]
    assert warning.code == "captions-restarted"
    assert "out of words" in warning.text
    ids = [e.id for e in events if isinstance(e, Caption)]
    assert ids == sorted(set(ids))
    assert times(events)[:3] == [0, 1, 2]
    assert times(events)[-1] == pytest.approx(7, abs=0.2)


def test_captions_that_came_before_the_end_are_kept_if_the_end_fails():
    class Broken(Counter):
        def flush(self):
            raise RuntimeError("no last words")

    rate = 48_000  # resampling withholds the last of the third second until the end
    _, events = transcribe([sound(3, rate)], Broken, rate=rate)
    assert times(events) == [0, 1, 2]


def test_captions_of_a_block_are_out_before_the_captioner_fails_within_it():
    class Words(Counter):
        def push(self, block):
            said = []
            for _ in range(len(block) // 512):
                said += self.caption(block)
            return said

    def make(start, first_id):
        return Words(start, first_id, fails=lambda piece: piece == 30 and start < 0)

    _, events = transcribe([sound(1)], make)  # pieces of 32 ms, half a second of silence first
    assert times(events)[:15] == list(range(15, 30))
    assert [e.code for e in events if isinstance(e, Warned)] == ["captions-restarted"]


def test_a_captioner_that_keeps_failing_stays_off_and_says_so():
    _, events = transcribe(
        [sound(1)] * 8, lambda start, id: Counter(start, id, fails=lambda second: True)
    )
    assert [type(e) for e in events] == [Warned] * (FAILURES - 1) + [Failed]
    assert events[-1].code == "captions-off"


def test_what_was_skipped_is_captioned_from_the_recording_marked_late(tmp_path):
    rate = 48_000
    soundfile.write(tmp_path / "mixture.wav", sound(10, rate), rate, "PCM_24")
    spans = [(2 * rate, 4 * rate), (7 * rate, 8 * rate)]
    events = list(caption_late(tmp_path / "mixture.wav", spans, Counter, first_id=5))
    captions = [e for e in events if isinstance(e, Caption)]
    assert [(c.start, c.late) for c in captions] == [(2, True), (3, True), (7, True)]
    ids = [c.id for c in captions]
    assert ids == sorted(set(ids)) and ids[0] >= 5
    told = [(e.code, e.start, e.stop) for e in events if isinstance(e, Warned)]
    assert told == [("captions-late", 2, 4), ("captions-late", 7, 8)]


def test_a_word_at_the_edge_of_a_skipped_part_is_said_late_if_it_was_not_in_time(tmp_path):
    rate = RATE
    soundfile.write(tmp_path / "mixture.wav", sound(10, rate), rate, "PCM_24")
    skipped = [(round(2.6 * rate), round(4.6 * rate))]  # words of a second each: 2 to 3, 3 to 4 ..
    said = [Word(f" {at}", at, at + 1, 1.0) for at in (1, 2, 5, 6)]
    events = caption_late(tmp_path / "mixture.wav", skipped, Counter, first_id=0, said=said)
    assert times(events) == [3, 4]


@pytest.mark.parametrize(("extracted", "heard"), [(True, 0.25), (False, 1.0)])
def test_captions_hear_the_voices_that_are_kept_if_they_should(extracted, heard):
    blocks = []

    class Ears(Counter):
        def push(self, block):
            blocks.append(block)
            return super().push(block)

    transcription = Transcription(Ears, 16_000, lambda event: None, extracted=extracted)
    ones = np.ones(1600, np.float32)
    transcription.write(Mixed(ones, ones, ones[None] / 4, ("voice:ana",), {"voice:ana": ones / 4}))
    transcription.write(Mixed(ones, ones, ones[None] / 4, ("voice:ana",)))  # it passes through
    transcription.end()
    transcription.run()
    said = np.concatenate(blocks)
    np.testing.assert_array_equal(said[said > 0], np.repeat([heard, 1.0], 1600))


def test_each_voice_that_is_kept_is_captioned_from_what_is_extracted_of_it():
    heard, events = {"voice:ana": [], "voice:ben": []}, []

    def maker(name):
        class Ears(Counter):
            def push(self, block):
                heard[name].append(block)
                return super().push(block)

        return Ears

    apart = {name: maker(name) for name in heard}
    transcription = Transcription(Counter, RATE, events.append, extracted=True, apart=apart)
    both, silent = sound(2), np.zeros(2 * RATE, np.float32)
    rows, names = np.stack([both / 2, both / 4]), tuple(heard)
    voices = dict(zip(names, rows, strict=True))
    transcription.write(Mixed(both, both, rows, names, voices))
    transcription.write(Mixed(both, both, rows, names, {"voice:ben": rows[1]}))  # one is kept
    transcription.write(Mixed(both, both, rows, names))  # the mixture passes through
    transcription.end()
    transcription.run()
    for name, parts in (
        ("voice:ana", [rows[0], silent, both]),
        ("voice:ben", [rows[1], rows[1], both]),
    ):
        found = np.concatenate(heard[name])
        np.testing.assert_array_equal(found[-6 * RATE :], np.concatenate(parts))
    assert sorted(times(events)) == [0, 0, 1, 1, 2, 3, 4, 4, 5, 5]
    assert len({event.id for event in events}) == len(events) == transcription.next_id
