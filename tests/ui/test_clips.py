import numpy as np
import pytest
import soundfile

from tap_live.errors import AudioError
from tap_live.ui.clips import brought


def test_a_file_is_brought_under_a_plain_name(tmp_path):
    source = tmp_path / "my bell (1).wav"
    soundfile.write(source, np.zeros(8000), 16_000)
    name = brought(source, tmp_path / "data")
    assert name == "my-bell-1-.wav"
    assert (tmp_path / "data" / "clips" / name).read_bytes() == source.read_bytes()
    assert brought(tmp_path / "data" / "clips" / name, tmp_path / "data") == name


def test_what_is_no_sound_is_not_brought(tmp_path):
    (tmp_path / "x.wav").write_text("no sound")
    with pytest.raises(AudioError, match=r"x\.wav"):
        brought(tmp_path / "x.wav", tmp_path / "data")
    assert not (tmp_path / "data").exists()
