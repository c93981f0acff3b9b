import tracemalloc

import pytest

from tap_live.errors import ConfigError, StorageError
from tap_live.ui.transcript import Transcript


@pytest.fixture
def clock():
    class Clock:
        now = 100.0

        def __call__(self):
            return self.now

    return Clock()


def test_finals_become_lines_of_a_sentence(clock, say):
    transcript = Transcript(clock)
    transcript.begin()
    transcript.take(say.caption("Good morning", id=1))
    transcript.take(say.caption("Ana.", id=2, start=1.0))
    assert transcript.open.cue.text == "Good morning Ana."
    transcript.take(say.caption("How are you?", id=3, start=2.0))
    assert [line.cue.text for line in transcript.lines] == ["Good morning Ana."]
    assert transcript.open.cue.text == "How are you?"


def test_another_speaker_begins_a_line(clock, say):
    transcript = Transcript(clock)
    transcript.take(say.caption("yes", id=1, speaker="ana"))
    transcript.take(say.caption("no", id=2, speaker="ben", start=0.5))
    transcript.end()
    assert transcript.text() == "ana: yes\nben: no"


def test_a_partial_is_shown_until_its_final_comes(clock, say):
    transcript = Transcript(clock)
    transcript.take(say.caption("hel", id=4, state="partial"))
    assert [one.text for one in transcript.partials] == ["hel"]
    transcript.take(say.caption("hello", id=4))
    assert transcript.partials == []


def test_a_final_that_comes_again_after_a_break_is_kept_once(clock, say):
    transcript = Transcript(clock)
    transcript.begin()
    for _ in range(2):
        transcript.take(say.caption("once", id=1))
    transcript.end()
    assert transcript.text() == "once"


def test_streams_of_one_session_lie_one_after_the_other(clock, say, tmp_path):
    transcript = Transcript(clock)
    transcript.begin()
    transcript.take(say.caption("first.", id=1, start=1.0))
    clock.now = 130.0
    transcript.begin()
    transcript.take(say.caption("second.", id=1, start=2.0))
    transcript.end()
    assert [(line.stream, line.at) for line in transcript.lines] == [(0, 1.0), (1, 32.0)]
    assert transcript.export(tmp_path / "both.srt") == 2
    assert "00:00:32,000 --> 00:00:32,500" in (tmp_path / "both.srt").read_text()


@pytest.mark.parametrize("suffix, head", [(".vtt", "WEBVTT"), (".srt", "1\n"), (".txt", "ana: ")])
def test_captions_are_exported(clock, say, tmp_path, suffix, head):
    transcript = Transcript(clock)
    transcript.take(say.caption("hello there", speaker="ana"))
    transcript.export(tmp_path / f"out{suffix}")
    assert (tmp_path / f"out{suffix}").read_text().startswith(head)


def test_what_cannot_be_written_is_said(clock, tmp_path):
    with pytest.raises(ConfigError, match=r"\.vtt"):
        Transcript(clock).export(tmp_path / "out.doc")
    with pytest.raises(StorageError, match="cannot write"):
        Transcript(clock).export(tmp_path / "no folder" / "out.vtt")


def test_four_hours_and_more_stay_within_bounds(clock, say):
    transcript = Transcript(clock, most=1000)
    tracemalloc.start()
    for number in range(1000):
        transcript.take(say.caption("so it goes on.", id=number, start=2.0 * number))
    before = tracemalloc.get_traced_memory()[0]
    for number in range(1000, 4000):
        transcript.take(say.caption("so it goes on.", id=number, start=2.0 * number))
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(transcript.lines) == 1000
    assert transcript.count == 3999  # and one that is open
    assert after < 1.2 * before
