import numpy as np
import pytest
import soundfile

from tap_live.events import Caption, Word
from tap_live.recorder import Recorder
from tap_live.soak.meeting import RATE, Meeting
from tap_live.soak.verify import NEAR, missing_samples, wrong_words

SEED, LENGTH = 5, 20 * RATE
HEARD = [(0, 5 * RATE), (7 * RATE, LENGTH)]


@pytest.fixture
def recorded(tmp_path):
    """Record a meeting of which two seconds did not come; `spoil` may change it before."""

    def record(spoil=lambda audio: audio):
        audio = next(Meeting(SEED).blocks(LENGTH)).copy()
        audio[5 * RATE : 7 * RATE] = 0
        soundfile.write(tmp_path / "m.wav", spoil(audio), RATE, "PCM_24")
        return tmp_path / "m.wav"

    return record


def test_a_meeting_is_the_same_however_it_is_cut():
    blocks = Meeting(SEED).blocks(320)
    cut = np.concatenate([next(blocks) for _ in range(LENGTH // 320)])
    np.testing.assert_array_equal(cut, next(Meeting(SEED).blocks(LENGTH)))


def test_what_was_delivered_and_kept_is_not_missing(recorded):
    assert missing_samples(recorded(), SEED, HEARD, LENGTH) == 0


def test_a_block_that_became_silence_is_missing(recorded):
    def spoil(audio):
        audio[RATE : RATE + 320] = 0
        return audio

    assert missing_samples(recorded(spoil), SEED, HEARD, LENGTH) >= 310  # noise may be as small


def test_all_after_a_block_that_was_left_out_is_missing(recorded):
    path = recorded(lambda audio: np.delete(audio, slice(RATE, RATE + 320)))
    assert missing_samples(path, SEED, HEARD, LENGTH) > 5 * RATE


def test_what_was_delivered_beyond_the_end_of_a_recording_is_missing(recorded):
    path = recorded(lambda audio: audio[: 5 * RATE])
    assert missing_samples(path, SEED, HEARD, LENGTH) == pytest.approx(13 * RATE, abs=NEAR)


def test_of_a_recording_that_ends_in_the_midst_only_the_rest_is_missing(recorded):
    path = recorded(lambda audio: audio[: 9 * RATE])
    assert missing_samples(path, SEED, HEARD, LENGTH) == 11 * RATE


def test_an_empty_recording_lacks_everything(recorded):
    path = recorded(lambda audio: audio[:0])
    assert missing_samples(path, SEED, HEARD, LENGTH) == pytest.approx(18 * RATE, abs=NEAR)


def test_what_was_delivered_after_the_end_of_the_stream_is_not_due(recorded):
    path = recorded(lambda audio: audio[: 19 * RATE])
    assert missing_samples(path, SEED, HEARD, 19 * RATE) == 0


def test_words_that_a_part_lacks_are_counted(tmp_path):
    whole = next(Meeting(SEED).blocks(LENGTH))
    for name, audio in (("whole", whole), ("part", whole[4 * RATE : 9 * RATE])):
        Recorder(tmp_path / name, RATE, print)._close()
        soundfile.write(tmp_path / name / "mixture.wav", audio, RATE, "PCM_24")
    words = tuple(Word(f" {n}", n + 0.2, n + 0.8, 1.0) for n in range(20))
    final = Caption(id=0, revision=0, state="final", start=0.2, end=19.8, words=words)
    assert wrong_words(tmp_path / "part", tmp_path / "whole", [final]) == 5
