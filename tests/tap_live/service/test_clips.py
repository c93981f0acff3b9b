import io
import os

import numpy as np
import pytest
import soundfile

from tap_live.errors import AudioError, ConfigError
from tap_live.events import SendClip
from tap_live.service import clips
from tap_live.service.clips import UNTOUCHED_S, drop_old_parts, drop_part, take_part


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


def test_what_came_of_a_clip_goes_with_its_sender(tmp_path):
    for name in ("bell.wav", "[a-z].wav", "dog.wav"):
        take_part(tmp_path, SendClip(id=1, name=name, part=b"x", offset=0))
    send(tmp_path, sound(), name="whole.wav")
    for name in ("bell.wav", "[a-z].wav", "whole.wav", "../secret", "*"):
        drop_part(tmp_path, name)
    assert {path.name for path in tmp_path.iterdir()} == {".dog.wav.part", "whole.wav"}
    drop_part(tmp_path / "nowhere", "bell.wav")


def test_old_parts_go_at_the_start_and_one_that_is_being_sent_stays(tmp_path):
    for name in ("old.wav", "new.wav"):
        take_part(tmp_path, SendClip(id=1, name=name, part=b"x", offset=0))
    send(tmp_path, sound(), name="whole.wav")
    for path in (tmp_path / ".old.wav.part", tmp_path / "whole.wav"):
        before = path.stat().st_mtime - UNTOUCHED_S - 5
        os.utime(path, (before, before))
    drop_old_parts(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".new.wav.part", "whole.wav"}
    drop_old_parts(tmp_path / "nowhere")
