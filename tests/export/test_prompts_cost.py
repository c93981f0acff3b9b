import numpy as np

from tap_live.export.prompts_cost import PAUSE_S, STREAM_S, stream

RATE = 16_000


def test_a_stream_is_its_clips_with_pauses_again_and_again() -> None:
    clips = [np.full(RATE, 0.1, np.float32), np.full(2 * RATE, 0.2, np.float32)]
    audio = stream(clips)
    assert len(audio) == round(STREAM_S * RATE)
    assert audio[RATE // 2] == np.float32(0.1)
    assert not audio[RATE : RATE + round(PAUSE_S * RATE)].any()
    np.testing.assert_array_equal(audio[: 5 * RATE], audio[5 * RATE : 10 * RATE])
