from dataclasses import dataclass

import numpy as np
import pytest
import soundfile

from tap_live.commands.demo import BUNDLE
from tap_live.cues.text import TextCues
from tap_live.export.listening import SOUND_RATE, SPEECH_RATE, make_pairs, sounds, voices
from tap_live.export.product import folder_of
from tap_live.extractors.network import Network
from tap_live.voices.enrolment import Enroller


@dataclass
class Case:
    id: str
    mixture: np.ndarray
    target: np.ndarray
    enrolment: np.ndarray | None = None
    text: str = ""
    cue: str = "a dog barking"
    negative: str = "rain"


@pytest.fixture
def speech():
    samples, rate = soundfile.read(BUNDLE / "conversation.ogg", dtype="float32")
    return samples[:: rate // SPEECH_RATE]


def check_files(out, case, rate):
    before, found = soundfile.read(out / f"{case.id}-before.flac", dtype="float32")
    after, _ = soundfile.read(out / f"{case.id}-after.flac", dtype="float32")
    assert found == rate
    np.testing.assert_allclose(before, case.mixture, atol=1e-6)
    assert len(after) == len(before) and np.abs(after).max() > 0


def test_every_case_becomes_a_pair_that_can_be_played(voice_bundle, speech, tmp_path):
    clip = speech[: 2 * SPEECH_RATE]
    cases = [Case(f"v{k}", clip / (k + 1), clip / 4, speech[: 6 * SPEECH_RATE]) for k in range(2)]
    heard = voices(Network.open(voice_bundle), Enroller.open(), cases)
    page = make_pairs(heard, tmp_path / "out").read_text()
    assert page.count("<audio") == 4 and page.count("SI-SDR ") == 2
    check_files(tmp_path / "out", cases[0], SPEECH_RATE)


def test_sounds_are_asked_for_in_words_and_say_how_much_of_an_absent_one_is_left(tmp_path):
    noise = 0.1 * np.random.default_rng(0).standard_normal(SOUND_RATE).astype(np.float32)
    case = Case("s0", noise, np.zeros_like(noise))
    network = Network.open(folder_of("sound-compact"))
    plain, told = (
        next(iter(sounds(network, TextCues.open(), [case], both))) for both in (False, True)
    )
    assert told.asked == "a dog barking, not rain" and not np.array_equal(plain.after, told.after)
    page = make_pairs([plain], tmp_path / "out").read_text()
    assert "absent, output -" in page and "a dog barking" in page
    check_files(tmp_path / "out", case, SOUND_RATE)
