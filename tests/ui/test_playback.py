import threading

import numpy as np
import pytest
import soundfile

from tap_live.devices import Device
from tap_live.errors import AudioError
from tap_live.ui.playback import play, read_moment

RATE = 16_000
RAMP = np.linspace(-0.5, 0.5, 4 * RATE).astype(np.float32)


@pytest.fixture
def recording(tmp_path):
    soundfile.write(tmp_path / "mixture.wav", RAMP, RATE, "PCM_24")
    return tmp_path


def test_a_moment_is_read_with_a_little_before_and_after(recording):
    audio, rate = read_moment(recording, 1.0, 2.0)
    assert (len(audio), rate) == (round(1.6 * RATE), RATE)
    np.testing.assert_allclose(audio, RAMP[round(0.7 * RATE) :][: len(audio)], atol=1e-5)


def test_a_moment_that_is_not_on_the_disk_yet_is_said(recording):
    with pytest.raises(AudioError, match="try again in a second"):
        read_moment(recording, 10.0, 11.0)
    with pytest.raises(AudioError, match="cannot read"):
        read_moment(recording / "nowhere", 1.0, 2.0)


class Speakers:
    """A device that takes blocks as fast as it can."""

    def __init__(self):
        self.heard, self.closed = [], False

    def devices(self):
        return [
            Device(
                index=0, name="out", description="out", role="output", kind="speaker",
                channels=2, rate=RATE, default=True, host="test", portaudio=0,
            )
        ]  # fmt: skip

    def open_output(self, device, rate, block, asked):
        def pull():
            while not self.closed and sum(map(len, self.heard)) < 2 * RATE:
                frames = np.full((block, 2), 9.0, np.float32)
                asked(frames)
                self.heard.append(frames)

        self.thread = threading.Thread(target=pull)
        self.thread.start()
        return self

    def close(self):
        self.closed = True
        self.thread.join()


def test_it_is_played_whole_on_both_sides_and_the_device_is_given_back(recording):
    speakers = Speakers()
    audio, rate = read_moment(recording, 1.0, 1.5)
    play(audio, rate, None, speakers)
    heard = np.concatenate(speakers.heard)
    np.testing.assert_array_equal(heard[: len(audio), 0], audio)
    np.testing.assert_array_equal(heard[: len(audio), 1], audio)
    assert not heard[len(audio) :].any()
    assert speakers.closed
