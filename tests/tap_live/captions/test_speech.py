import numpy as np
import pytest
import soundfile
import soxr

from tap_live.bundle import open_bundle
from tap_live.captions.speech import LATE, SpeechMap, TurnMap
from tap_live.captions.vad import RATE, WINDOW, Edge, Vad
from tap_live.commands.demo import BUNDLE


def test_speech_is_found_where_it_is_and_the_blocks_pass_unchanged():
    path = open_bundle(BUNDLE, "demo").path("conversation.ogg")
    samples, rate = soundfile.read(path, dtype="float32", frames=48_000 * 7)
    speech = soxr.resample(samples, rate, RATE)  # 1.2 to 6.4 s
    silence = np.zeros(5 * RATE, np.float32)
    blocks = [silence, speech, silence, speech[: 4 * RATE]]
    speeches = SpeechMap(Vad.open())
    passed = list(speeches.heard(blocks))
    assert all(np.array_equal(a, b) for a, b in zip(passed, blocks, strict=True))
    assert not speeches.spoken(0.5, 4.5)
    assert speeches.spoken(7.0, 8.0)
    assert not speeches.spoken(12.8, 16.5)
    assert speeches.spoken(20.0, 20.5)


class Later:
    """A gate that lets the second half of each region in."""

    lookahead = 0

    def __init__(self):
        self._start = 0

    def push(self, audio, edges):
        assert len(audio) == WINDOW
        turns = []
        for edge in edges:
            if edge.kind == "start":
                self._start = edge.position
            elif edge.kind == "end":
                middle = (self._start + edge.position) // 2
                turns += [Edge("start", middle, edge.noticed, "ana"), edge]
        return turns

    def flush(self, edges):
        return self.push(np.zeros(WINDOW, np.float32), edges)


def test_with_a_gate_so_much_of_a_time_must_be_speech_that_it_lets_in():
    path = open_bundle(BUNDLE, "demo").path("conversation.ogg")
    samples, rate = soundfile.read(path, dtype="float32", frames=48_000 * 7)
    speech = soxr.resample(samples, rate, RATE)  # 1.2 to 6.4 s
    blocks = [part for part in np.array_split(speech, 9) for part in (part, part[:0])]
    half, any_of_it = (TurnMap(Vad.open(), Later(), share) for share in (0.5, 0.0))
    for speeches in (half, any_of_it):
        np.testing.assert_array_equal(np.concatenate([*speeches.heard(blocks)]), speech)
    assert half.spoken(4.5, 6.0) and any_of_it.spoken(4.5, 6.0)
    assert not half.spoken(1.5, 4.5) and any_of_it.spoken(1.5, 4.5)
    assert not half.spoken(0.2, 0.9) and not any_of_it.spoken(0.2, 0.9)


class Never:
    """A gate that has decided when all was heard."""

    lookahead = 0

    def __init__(self):
        self.heard = 0

    def push(self, audio, edges):
        self.heard += len(audio)
        return []

    def flush(self, edges):
        return []


@pytest.mark.parametrize("size", [100, RATE, 3 * RATE])
def test_what_is_passed_on_was_heard_by_the_gate_long_enough_before(size):
    gate, audio = Never(), np.zeros(6 * RATE + 7, np.float32)
    passed = 0
    turns = TurnMap(Vad.open(), gate, 0.5)
    for block in turns.heard(audio[at : at + size] for at in range(0, len(audio), size)):
        passed += len(block)
        assert gate.heard >= min(passed + LATE - WINDOW, len(audio) - WINDOW)
    assert passed == len(audio)
