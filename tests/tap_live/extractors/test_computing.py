"""Work beside a stream: its result, its error, and that nothing of it outlives the stream."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from tap_live.commands.extracting import Extracting
from tap_live.extraction import Extraction, Wanted
from tap_live.extractors.chunked import ChunkConfig, ChunkedExtractor
from tap_live.extractors.computing import Computing
from tap_live.extractors.gentse import GenExtractor
from tap_live.extractors.gentse_frames import MelForm
from tap_live.live import Live
from tap_live.parts import Parts
from tap_live.sources.file import FileSource
from tap_live.targets import EmbeddedCue

from .test_chunked import Scaling, noise

RATE = 16_000
CONFIG = ChunkConfig(hop_s=0.1, ahead_s=0.05)


class Silent:
    """A generative network of no voice at all."""

    name, positions, steps, before, after, reach, compute_s, bands = "none", 50, 1, 2, 1, 1, 0.0, 4
    form = MelForm(RATE, 512, 256, np.full((257, 4), 1e-3, np.float32))

    def vector(self, cue):
        return cue.positive

    def enrolled(self, audio):
        return np.zeros((80, 0), np.float32)

    def hear(self, mixture, speaker, enrolled):
        return np.zeros((self.positions, 3), np.float32)

    def draw(self, tokens, heard, level, speaker, noise, steps):
        return np.zeros_like(heard)

    def silence(self):
        return {}

    def speak(self, mel, on, state):
        return np.zeros(len(mel) * self.form.hop, np.float32), state


def cue(kind, width):
    one = np.full(width, 0.5, np.float32)
    return EmbeddedCue(name=f"{kind}:it", kind=kind, positive=one, negative=0 * one)


def chunked(rate):
    return ChunkedExtractor(Scaling(), rate, CONFIG), cue("sound", 2)


def generative(rate):
    return GenExtractor(Silent(), rate, CONFIG), cue("voice", 3)


@pytest.fixture
def threads(monkeypatch):
    """Every thread that works beside a stream."""
    started = []

    class Noted(threading.Thread):
        def start(self):
            started.append(self)
            super().start()

    monkeypatch.setattr("tap_live.extractors.computing.Thread", Noted)
    return started


def test_what_was_found_is_given_and_what_was_raised_is_raised():
    assert Computing(lambda: 7, "seven").result() == 7
    with pytest.raises(ZeroDivisionError):
        Computing(lambda: 1 // 0, "none").result()


def test_what_is_left_has_ended(threads):
    begun, go_on = threading.Event(), threading.Event()

    def work():
        begun.set()
        return go_on.wait(10)

    computing = Computing(work, "slow")
    assert begun.wait(10) and threads[0].is_alive()
    go_on.set()
    computing.leave()
    assert not threads[0].is_alive()


@pytest.mark.parametrize("make", [chunked, generative])
def test_a_stream_that_is_forgotten_leaves_no_thread(make, threads, monkeypatch):
    extractor, wanted = make(RATE)
    extractor.set_cues([wanted])
    hold, ended = threading.Event(), Computing.leave

    def leave(self):
        assert threads[-1].is_alive()  # it computes while the stream is forgotten
        hold.set()
        ended(self)

    monkeypatch.setattr(Computing, "leave", leave)
    for network in (Silent, Scaling):
        name = "hear" if network is Silent else "targets"
        real = getattr(network, name)
        monkeypatch.setattr(network, name, lambda *a, real=real: hold.wait(10) and real(*a))
    while not threads:
        extractor.push(noise(RATE // 100))
    extractor.restart()
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("make", [chunked, generative])
def test_after_a_live_stream_no_thread_of_ours_is_left(make, threads, tmp_path):
    soundfile.write(tmp_path / "clip.wav", noise(2 * RATE), RATE, "FLOAT")
    before, closed = set(threading.enumerate()), []

    def extraction(rate, tell):
        extractor, wanted = make(rate)
        return Extraction(extractor, [Wanted(wanted)], rate=rate, tell=tell)

    def close():
        assert set(threading.enumerate()) <= before
        closed.append(True)

    source = FileSource(tmp_path / "clip.wav")
    with Live(Parts(source=source, make_extraction=extraction, close=close)) as live:
        assert list(live.events)[-1].reason == "end of the input"
    assert live.error is None and len(threads) > 10 and closed == [True]
    assert set(threading.enumerate()) <= before


def test_networks_give_the_card_back_with_the_stream_that_they_were_loaded_for():
    class Loaded:
        closed = 0

        def close(self):
            self.closed += 1

    network, full = Loaded(), SimpleNamespace(network=Loaded())
    Extracting({"voice": network}, (), 0.0).close()
    Extracting({}, (), 0.0, full).close()
    assert (network.closed, full.network.closed) == (1, 1)
