import numpy as np
import pytest

from tap_live.events import Caption, Word
from tap_live.extraction import Mixed
from tap_live.recordings import LINGER_S, Recordings

RATE = 8000
SECOND = np.full(RATE, 0.5, np.float32)
MIXED = Mixed(SECOND, SECOND, np.empty((0, RATE), np.float32))


def final(*starts):
    words = tuple(Word(f" {start:g}", start, start + 0.5, 0.9) for start in starts)
    return Caption(
        id=0, revision=0, state="final", start=starts[0], end=starts[-1] + 0.5, words=words
    )


@pytest.fixture
def recordings():
    return Recordings(None, RATE, print)


def test_words_said_before_the_end_are_kept_however_late_they_are_final(recordings, tmp_path):
    recorder = recordings.open(tmp_path)
    recordings.begin(recorder, 10 * RATE)
    recordings.write(MIXED, captioned=0)
    recordings.finish(recorder, 11 * RATE)
    recordings.caption(final(9.0, 10.0, 10.8, 11.2))
    recordings.caption(final(12.0))
    recordings.close()
    assert (tmp_path / "captions.txt").read_text() == "10 10.8\n"


def test_a_recording_that_ended_is_let_go_once_its_last_words_must_be_final(recordings, tmp_path):
    recorder = recordings.open(tmp_path)
    recordings.begin(recorder, 0)
    recordings.finish(recorder, RATE)
    recordings.write(MIXED, captioned=LINGER_S * RATE)
    assert recorder.thread.is_alive()
    recordings.write(MIXED, captioned=(LINGER_S + 1) * RATE)
    recorder.thread.join(10)
    assert not recorder.thread.is_alive()


def test_a_recording_without_captions_is_let_go_at_once(recordings, tmp_path):
    recorder = recordings.open(tmp_path)
    recordings.begin(recorder, 0)
    recordings.finish(recorder, RATE)
    recordings.write(MIXED, captioned=None)
    recorder.thread.join(10)
    assert not recorder.thread.is_alive()
