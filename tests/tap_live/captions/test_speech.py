import numpy as np
import soundfile
import soxr

from tap_live.bundle import open_bundle
from tap_live.captions.speech import SpeechMap
from tap_live.captions.vad import RATE, Vad
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
