from pathlib import Path

import numpy as np
import pytest
import soundfile

from tap_live.errors import ConfigError, StorageError
from tap_live.outputs.file import FileOutput
from tap_live.outputs.output import NullOutput


@pytest.mark.parametrize(
    ("suffix", "tolerance"), [(".wav", 0), (".flac", 2**-23), (".FLAC", 2**-23)]
)
def test_a_file_holds_the_stream(tmp_path, suffix, tolerance):
    audio = np.random.default_rng(0).uniform(-1, 1, 5_000).astype(np.float32)
    path = tmp_path / f"out{suffix}"
    with FileOutput(path, 48_000) as output:
        for start in range(0, len(audio), 777):
            output.write(audio[start : start + 777])
    written, rate = soundfile.read(path, dtype="float32")
    assert rate == 48_000
    np.testing.assert_allclose(written, audio, atol=tolerance)


def test_what_is_louder_than_full_scale_does_not_wrap_around(tmp_path):
    with FileOutput(tmp_path / "out.flac", 16_000) as output:
        output.write(np.float32([1.5, -1.5]))
    np.testing.assert_allclose(soundfile.read(tmp_path / "out.flac")[0], [1, -1], atol=1e-6)


def test_what_was_written_is_playable_after_an_error(tmp_path):
    with (
        pytest.raises(RuntimeError, match="elsewhere"),
        FileOutput(tmp_path / "out.wav", 16_000) as output,
    ):
        output.write(np.ones(100, np.float32))
        raise RuntimeError("elsewhere")
    assert soundfile.info(tmp_path / "out.wav").frames == 100


def test_places_and_formats_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(
        ConfigError, match=r"wanted a \.wav or \.flac file to write, found 'a\.mp3'"
    ):
        FileOutput("a.mp3", 16_000)
    with pytest.raises(StorageError, match="there is no folder") as raised:
        FileOutput(tmp_path / "none" / "a.wav", 16_000)
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_an_error_of_ours(tmp_path):
    (tmp_path / "out.wav").symlink_to("/dev/full")
    with (
        pytest.raises(StorageError, match="cannot write") as raised,
        FileOutput(tmp_path / "out.wav", 16_000) as output,
    ):
        for _ in range(100):
            output.write(np.ones(10_000, np.float32))
    assert "\n" not in str(raised.value)


def test_nobody_needs_to_listen():
    with NullOutput() as output:
        output.write(np.ones(10, np.float32))
    assert output.name == "none"
