"""Pump, as the file source and the source on standard input use it."""

import threading
import time

import numpy as np
import pytest
import soundfile

from tap_live.errors import AudioError
from tap_live.ring import RingBuffer
from tap_live.sources.file import FileSource
from tap_live.sources.pump import Pump
from tap_live.sources.source import RingSink


class Slow:
    """A sink whose reader takes everything, now and then."""

    def __init__(self, capacity):
        self.ring = RingBuffer(capacity)
        self.read = []
        self.position = 0
        self.sink = RingSink(self.ring, lambda: self.position)

    def take(self):
        stop = self.ring.end
        self.read.append(self.ring.read(self.position, stop))
        self.position = stop

    def follow(self, source):
        while not source.ended:
            self.take()
            time.sleep(0.001)
        self.take()
        return np.concatenate(self.read)


@pytest.fixture
def path(tmp_path):
    audio = np.linspace(-0.9, 0.9, 33_333, dtype=np.float32)
    soundfile.write(tmp_path / "a.wav", audio, 16_000, "FLOAT")
    return tmp_path / "a.wav"


def test_a_file_waits_until_there_is_room(path):
    reader = Slow(2000)
    source = FileSource(path)
    with source.feed(reader.sink, print):
        heard = reader.follow(source)
    np.testing.assert_array_equal(heard, soundfile.read(path, dtype="float32")[0])
    assert (source.live, source.lost, source.error) == (False, 0, None)


def test_a_paced_file_takes_as_long_as_it_sounds(path, rush_clock):
    written = []

    class Sink:
        def write(self, block):
            written.append((rush_clock.now(), len(block)))

        def room(self):
            raise AssertionError("a microphone does not ask for room")

    source = FileSource(path, paced=True, clock=rush_clock)
    with source.feed(Sink(), print):
        while not source.ended:
            time.sleep(0.001)
    assert source.live
    ends = np.cumsum([length for _, length in written]) / source.rate
    np.testing.assert_allclose([when for when, _ in written], ends, atol=1e-9)
    assert max(length for _, length in written) == 160  # 10 ms


def test_no_thread_is_left_when_it_is_stopped_early(path):
    before = threading.active_count()
    source = FileSource(path)
    with source.feed(Slow(2000).sink, print):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
    assert source.ended


def test_a_paced_file_is_stopped_at_once(path):
    source = FileSource(path, paced=True)
    started = time.monotonic()
    with source.feed(Slow(50_000).sink, print):
        pass
    assert time.monotonic() - started < 1
    assert source.ended


def test_warnings_reach_the_listener(tmp_path):
    audio = np.zeros(1000, np.float32)
    audio[10] = np.nan
    soundfile.write(tmp_path / "a.wav", audio, 16_000, "FLOAT")
    told = []
    source, reader = FileSource(tmp_path / "a.wav"), Slow(5000)
    with source.feed(reader.sink, told.append):
        reader.follow(source)
    assert [warned.code for warned in told] == ["not-finite"]


def test_what_goes_wrong_on_the_way_ends_the_stream_with_an_error():
    class Broken(Pump):
        name, rate = "it", 16_000

        def _blocks(self, tell, stopping):
            yield np.ones(10, np.float32)
            raise OSError("the disk is gone")

    source, reader = Broken(paced=False), Slow(100)
    with source.feed(reader.sink, print):
        heard = reader.follow(source)
    assert len(heard) == 10
    assert isinstance(source.error, AudioError)
    assert str(source.error) == "cannot read it: the disk is gone"
