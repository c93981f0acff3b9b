import io

import numpy as np
import pytest
import soundfile

from tap_live.errors import AudioError, ConfigError
from tap_live.events import SendClip
from tap_live.service import clips
from tap_live.service.clips import take_part


def sound(seconds=1.0):
    file = io.BytesIO()
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, round(8000 * seconds))
    soundfile.write(file, noise, 8000, format="WAV")
    return file.getvalue()


def send(folder, data, name="bell.wav", size=3000):
    for offset in range(0, len(data), size):
        part, last = data[offset : offset + size], offset + size >= len(data)
        there = take_part(folder, SendClip(id=1, name=name, part=part, offset=offset, last=last))
        assert there == offset + len(part)


def test_parts_become_a_clip(tmp_path):
    send(tmp_path / "clips", sound())
    assert (tmp_path / "clips" / "bell.wav").read_bytes() == sound()
    assert len(list((tmp_path / "clips").iterdir())) == 1


def test_it_is_no_clip_before_the_last_part(tmp_path):
    take_part(tmp_path, SendClip(id=1, name="bell.wav", part=sound()[:100], offset=0))
    assert not (tmp_path / "bell.wav").exists()
    send(tmp_path, sound())  # begun anew
    assert (tmp_path / "bell.wav").read_bytes() == sound()


@pytest.mark.parametrize("offset", [1, 99, 101])
def test_a_part_that_is_not_the_next_is_refused(tmp_path, offset):
    take_part(tmp_path, SendClip(id=1, name="bell.wav", part=sound()[:100], offset=0))
    with pytest.raises(ConfigError, match=f"wanted byte 100 of 'bell.wav' next, found {offset}"):
        take_part(tmp_path, SendClip(id=1, name="bell.wav", part=b"x", offset=offset))


@pytest.mark.parametrize("name", ["../bell.wav", "a/bell.wav", ".bell.wav", "bell.sh", "bell", ""])
def test_only_sounds_in_the_folder_are_written(tmp_path, name):
    with pytest.raises(ConfigError):
        take_part(tmp_path / "clips", SendClip(id=1, name=name, part=b"x", offset=0))
    assert not (tmp_path / "clips").exists() or not list((tmp_path / "clips").iterdir())


def test_what_is_no_sound_is_thrown_away(tmp_path):
    with pytest.raises(AudioError):
        send(tmp_path, b"no sound at all" * 9)
    assert list(tmp_path.iterdir()) == []


def test_a_clip_is_not_endless(tmp_path, monkeypatch):
    monkeypatch.setattr(clips, "LARGEST", 5000)
    with pytest.raises(ConfigError, match="at most"):
        send(tmp_path, sound())
