import numpy as np
import soundfile
import soxr

from tap_live.bundle import open_bundle
from tap_live.captions.speech import KEPT, SpeechMap, VoiceMap
from tap_live.captions.vad import RATE, WINDOW, Vad
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


class Asked:
    """Knows nobody, and remembers what it was asked."""

    def __init__(self):
        self.pieces = []

    def __call__(self, audio, odds):
        self.pieces.append((audio, odds))
        return False


def test_what_is_spoken_between_two_times_is_heard_again_with_its_odds():
    path = open_bundle(BUNDLE, "demo").path("conversation.ogg")
    samples, rate = soundfile.read(path, dtype="float32", frames=48_000 * 7)
    speech = soxr.resample(samples, rate, RATE)  # 1.2 to 6.4 s
    asked = Asked()
    voices = VoiceMap(Vad.open(), asked)
    blocks = [part for part in np.array_split(speech, 3) for part in (part, part[:0])]
    passed = [*voices.heard(blocks)]
    np.testing.assert_array_equal(np.concatenate(passed), speech)
    assert not voices.spoken(2.0, 4.0) and not voices.spoken(0.0, 1.0)
    (audio, odds), (_, silence) = asked.pieces
    first = 2 * RATE // WINDOW * WINDOW
    np.testing.assert_array_equal(audio, speech[first : 4 * RATE])
    assert len(odds) == len(audio) // WINDOW
    assert np.median(odds) > 0.5 > silence.max()


def test_the_newest_minute_of_an_hour_is_kept():
    asked = Asked()
    voices = VoiceMap(Vad.open(), asked)
    audio = np.arange(200 * RATE, dtype=np.float32) * 1e-9
    for piece in voices.heard([audio]):  # one block: it is heard a second at a time
        assert len(piece) <= RATE
        now = round(piece[-1] / 1e-9) / RATE
        if now > 40:
            voices.spoken(now - 31, now)
            np.testing.assert_allclose(asked.pieces[-1][0][0], (now - 31) * RATE * 1e-9, atol=1e-6)
    assert len(voices._audio) <= (KEPT + 1) * WINDOW
