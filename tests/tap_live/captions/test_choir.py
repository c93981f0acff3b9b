"""Several voices at once: captions that stay apart, and questions that are asked once."""

import numpy as np
import pytest
import soundfile
import soxr

from tap_live.bundle import open_bundle
from tap_live.captions.choir import Choir, RememberingEncoder, ears
from tap_live.captions.recogniser import Hypothesis
from tap_live.captions.streaming import StreamingCaptioner
from tap_live.captions.vad import WINDOW, Vad
from tap_live.commands.demo import BUNDLE
from tap_live.events import Caption, Word
from tap_live.voices.encoder import SpeakerEncoder, initial_state


class Echo:
    """A captioner that tells how much it has heard, every 5 windows; every other is final."""

    lookahead = 100

    def __init__(self, name):
        self.name, self.heard, self.said = name, 0, 0

    def push(self, block):
        before, self.heard = self.heard // (5 * WINDOW), self.heard + len(block)
        return [self._say() for _ in range(self.heard // (5 * WINDOW) - before)]

    def flush(self):
        last = [self._say()] if self.heard else []
        self.heard = self.said = 0
        return last

    def _say(self):
        self.said += 1
        word = Word(f" {self.name}{self.said}", self.heard, self.heard, 1.0)
        return Caption(
            id=(self.said - 1) // 2, revision=1 - self.said % 2,
            state="partial" if self.said % 2 else "final", speaker=self.name,
            start=self.heard, end=self.heard, words=(word,),
        )  # fmt: skip


def heard(size, total=9000):
    choir = Choir([Echo("ana"), Echo("ben")], first_id=7)
    captions = []
    for start in range(0, total, size):
        captions += choir.push(np.zeros(min(size, total - start), np.float32))
    return captions + choir.flush()


@pytest.mark.parametrize("size", [1, 160, 512, 1000])
def test_cutting_does_not_change_the_captions(size):
    assert heard(size) == heard(9000)


def test_captions_of_two_voices_never_share_an_id():
    captions = heard(160)
    ids = {name: {c.id for c in captions if c.speaker == name} for name in ("ana", "ben")}
    assert not ids["ana"] & ids["ben"]
    assert sorted(ids["ana"] | ids["ben"]) == [7, 8, 9, 10]
    assert [c.words[0].text for c in captions if c.speaker == "ben"] == [
        " ben1", " ben2", " ben3", " ben4",
    ]  # fmt: skip


def test_it_looks_as_far_ahead_as_its_slowest_voice():
    assert Choir([Echo("ana"), Echo("ben")]).lookahead == 100 + WINDOW


class CountingVad:
    lookahead = 64

    def __init__(self):
        self.calls = 0

    def push(self, audio):
        self.calls += 1
        return np.full(1, self.calls, np.float32)

    def flush(self):
        self.calls += 1
        return np.full(1, -self.calls, np.float32)


def test_speech_is_looked_for_once_however_many_listen():
    vad = CountingVad()
    first, second = ears(vad, 2)
    window = np.zeros(WINDOW, np.float32)
    answers = [ear.push(window)[0] for ear in (first, second, first, second)]
    assert answers == [1, 1, 2, 2]
    # One may be a window and the end ahead of the other.
    assert [first.push(window)[0], first.flush()[0]] == [3, -4]
    assert [second.push(window)[0], second.flush()[0]] == [3, -4]
    assert vad.calls == 4 and first.lookahead == 64


def test_a_choir_of_real_captioners_is_as_new_after_its_end():
    """The same speech twice: the detector and the gates begin again."""
    said = []

    class Recogniser:
        languages = ("en",)

        def recognise(self, request):
            said.append(len(request.audio))
            return Hypothesis((), 0.0, -0.1)

        def detect(self, audio):
            return {"en": 1.0}

    path = open_bundle(BUNDLE, "demo").path("conversation.ogg")
    samples, rate = soundfile.read(path, dtype="float32", frames=3 * 48_000)
    audio = soxr.resample(samples, rate, 16_000).astype(np.float32)
    choir = Choir([StreamingCaptioner(Recogniser(), ear) for ear in ears(Vad.open(), 2)])
    passes = []
    for _ in range(2):
        said.clear()
        choir.push(audio)
        choir.flush()
        passes.append([*said])
    assert passes[0] == passes[1] != []


def test_the_speaker_encoder_is_asked_once_and_answers_the_same():
    plain, remembering = SpeakerEncoder.open(), RememberingEncoder.open()
    rng = np.random.default_rng(0)
    state = initial_state(2)
    for _ in range(2):
        mel = rng.random((2, 20, 40)).astype(np.float32)
        first = remembering.advance(mel, *state)
        again = remembering.advance(mel.copy(), *state)
        assert all(a is b for a, b in zip(first, again, strict=True))
        for ours, theirs in zip(first, plain.advance(mel, *state), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        state = first[1:]
