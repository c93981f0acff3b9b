"""Whatever the disk does, the stream goes on and what was written stays; `docs/faults.md`."""

import resource
import shutil
import sys
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile
from harness import RATE, Counter, clip, codes, finals, kept, noise, run

from tap_live.live import Live
from tap_live.parts import Parts
from tap_live.sources.file import FileSource

SECONDS = 12


@contextmanager
def room_for(size):
    """Let no file of this process grow beyond `size` bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def parts(tmp_path):
    source = FileSource(clip(tmp_path, SECONDS))
    return Parts(source=source, make_captioner=Counter, record=tmp_path / "kept")


@pytest.mark.skipif(sys.platform == "win32", reason="a file's size cannot be limited there")
def test_a_full_disk_ends_the_recording_with_an_error_and_the_rest_goes_on(tmp_path):
    stream = parts(tmp_path)
    with room_for(100_000):
        events = run(stream)
    assert codes(events) == ["recording-stopped"]
    assert len(finals(events)) == SECONDS
    mixture = kept(tmp_path / "kept")
    assert 3 * RATE < len(mixture) <= 100_000 // 3
    np.testing.assert_allclose(mixture, noise(SECONDS)[: len(mixture)], atol=2**-23)


def test_a_folder_that_goes_ends_the_recording_with_an_error_and_the_rest_goes_on(tmp_path):
    live = Live(parts(tmp_path))
    gone = []

    def remove(mixed):
        if live.at > 2 and not gone:
            shutil.rmtree(tmp_path / "kept")
            gone.append(True)

    live.tap(remove)
    with live:
        events = list(live.events)
    assert codes(events) == ["recording-stopped"]
    assert len(finals(events)) == SECONDS


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /dev/full")
def test_a_disk_that_is_full_for_captions_only_is_told_too(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "captions.srt").symlink_to("/dev/full")
    events = run(parts(tmp_path))
    assert codes(events) == ["recording-stopped"]
    assert len(finals(events)) == SECONDS
    assert soundfile.info(tmp_path / "kept" / "mixture.wav").frames > 0
    assert (tmp_path / "kept" / "captions.txt").read_text().split() == [
        str(second) for second in range(SECONDS)
    ]
