"""A recording device: made up on a clock of its own, and a real one behind a sound server."""

import threading
import time
from itertools import pairwise

import numpy as np
import pytest
import soundfile

from tap_live.errors import AudioError, DeviceError
from tap_live.events import Device, Warned
from tap_live.portaudio import portaudio
from tap_live.ring import RingBuffer
from tap_live.sources.device import MicrophoneSource
from tap_live.sources.keeper import DEFAULT_AFTER_S, LOOK_S
from tap_live.sources.source import RingSink
from tap_live.sources.watchdog import FIRST_S, PATIENCE_S

BLOCK = 160  # 10 ms at 16 kHz


@pytest.fixture
def ring():
    return RingBuffer(16_000 * 60)


@pytest.fixture
def sink(ring):
    return RingSink(ring, lambda: ring.end)


def speak(backend, clock, blocks, value=0.5, overflow=False, recorded_at=0.0):
    """Let a device's time pass: a block every 10 ms."""
    for _ in range(blocks):
        clock.advance(BLOCK / 16_000)
        frames = np.full((BLOCK, backend.opened[-1].channels), value, np.float32)
        backend.stream.callback(frames, recorded_at, overflow)


def changes(told):
    return [(event.change, event.name) for event in told if isinstance(event, Device)]


def test_blocks_arrive_in_order_and_complete(backend, clock, ring, sink):
    backend.plug("mic", default=True)
    source = MicrophoneSource(backend=backend, clock=clock)
    told = []
    with source.feed(sink, told.append):
        for value in (0.1, 0.2, 0.3):
            speak(backend, clock, 1, value)
    expected = np.repeat(np.float32([0.1, 0.2, 0.3]), BLOCK)
    np.testing.assert_array_equal(ring.read(0, ring.end), expected)
    assert (source.lost, source.rate, source.live, source.ended) == (0, 16_000, True, True)
    assert changes(told) == [("opened", "mic"), ("closed", "mic")]
    assert backend.stream.closed


def test_channels_are_mixed_down_or_one_is_taken(backend, clock, ring, sink):
    backend.plug("array", channels=4)
    for channel, expected in ((None, 0.25), (2, 0.4)):
        source = MicrophoneSource("array", channel, backend=backend, clock=clock)
        with source.feed(sink, lambda event: None):
            frames = np.tile(np.float32([0.1, 0.4, 0.2, 0.3]), (BLOCK, 1))
            backend.stream.callback(frames, 0.0, False)
        np.testing.assert_allclose(ring.read(ring.end - BLOCK, ring.end), expected, rtol=1e-6)
    with pytest.raises(AudioError, match="wanted channel 5 of the input 'array', which has"):
        MicrophoneSource("array", 5, backend=backend)


def test_what_overflowed_is_silence_of_the_length_that_the_device_measured(
    backend, clock, ring, sink
):
    backend.plug("mic")
    source = MicrophoneSource("mic", backend=backend, clock=clock)
    told = []
    with source.feed(sink, told.append):
        speak(backend, clock, 1, recorded_at=100.00)
        speak(backend, clock, 1, recorded_at=100.03, overflow=True)  # due at 100.01
        clock.settle()
        clock.advance(0.3)
    assert source.lost == 320
    audio = ring.read(0, ring.end)
    assert not audio[BLOCK : BLOCK + 320].any()
    assert audio[BLOCK + 320 :].all()
    warned = [event for event in told if isinstance(event, Warned)]
    assert [(event.code, event.start, event.stop) for event in warned] == [
        ("samples-lost", 0.01, 0.03)
    ]


def test_an_overflow_without_the_devices_time_is_measured_by_the_clock(backend, clock, ring, sink):
    backend.plug("mic")
    source = MicrophoneSource("mic", backend=backend, clock=clock)
    with source.feed(sink, lambda event: None):
        clock.settle()
        speak(backend, clock, 3)
        clock.advance(0.05)
        speak(backend, clock, 1, overflow=True)
    assert source.lost == 800


def test_positions_stay_true_while_a_device_is_gone_and_back(backend, clock, ring, sink):
    backend.plug("mic")
    source = MicrophoneSource("mic", backend=backend, clock=clock)
    told = []
    with source.feed(sink, told.append):
        clock.settle()
        speak(backend, clock, 100)
        first = backend.stream
        backend.pull("mic")
        clock.advance(5)
        assert changes(told)[-1] == ("lost", "mic")
        assert first.closed
        assert ring.end / 16_000 == pytest.approx(clock.now(), abs=0.4)  # silence meanwhile
        backend.plug("mic")
        clock.advance(1.5)
        assert changes(told)[-1] == ("returned", "mic")
        speak(backend, clock, 100)
        assert ring.end / 16_000 == pytest.approx(clock.now(), abs=0.001)
        clock.advance(0.2)
    audio = ring.read(0, ring.end)
    heard = np.flatnonzero(audio)
    gaps = [(a, b) for a, b in pairwise(heard) if b - a > 1]
    assert len(gaps) == 1
    assert gaps[0][1] - gaps[0][0] - 1 == source.lost
    assert source.lost / 16_000 == pytest.approx(6.5, abs=0.05)


def test_the_default_takes_the_place_of_one_that_stays_away(backend, clock, ring, sink):
    backend.plug("headset")
    backend.plug("laptop", default=True)
    backend.plug("what plays", kind="monitor")
    source = MicrophoneSource("headset", backend=backend, clock=clock)
    told = []
    with source.feed(sink, told.append):
        clock.settle()
        speak(backend, clock, 10)
        backend.pull("headset")
        clock.advance(FIRST_S + DEFAULT_AFTER_S + 2)
        speak(backend, clock, 1)
    assert changes(told) == [
        ("opened", "headset"),
        ("lost", "headset"),
        ("returned", "laptop"),
        ("closed", "laptop"),
    ]


def test_a_monitor_is_never_replaced_by_a_microphone(backend, clock, ring, sink):
    backend.plug("what plays", kind="monitor")
    backend.plug("mic", default=True)
    source = MicrophoneSource("monitor", backend=backend, clock=clock)
    told = []
    with source.feed(sink, told.append):
        clock.settle()
        backend.pull("what plays")
        clock.advance(20)
    assert [change for change, _ in changes(told)] == ["opened", "lost", "closed"]
    assert [device.name for device in backend.opened] == ["what plays"]


def test_a_device_whose_stream_ended_is_lost_at_once(backend, clock, ring, sink):
    backend.plug("mic")
    told = []
    source = MicrophoneSource("mic", backend=backend, clock=clock)
    with source.feed(sink, told.append):
        clock.settle()
        speak(backend, clock, 10)
        backend.stream.active = False
        clock.advance(0.15)
        assert changes(told)[-1] == ("lost", "mic")


def test_a_stream_that_was_handed_to_another_device_is_noticed(backend, clock, ring, sink):
    backend.plug("mic")
    backend.plug("laptop", default=True)
    told = []
    source = MicrophoneSource("mic", backend=backend, clock=clock)
    with source.feed(sink, told.append):
        clock.settle()
        backend.pull("mic")
        backend.handed_over.add("mic")
        clock.advance(LOOK_S + 1 + DEFAULT_AFTER_S)
        assert changes(told)[-2:] == [("lost", "mic"), ("returned", "laptop")]


def test_a_device_that_got_stuck_is_opened_again(backend, clock, ring, sink):
    backend.plug("mic")
    told = []
    source = MicrophoneSource("mic", backend=backend, clock=clock)
    with source.feed(sink, told.append):
        clock.settle()
        speak(backend, clock, 200)
        clock.advance(PATIENCE_S + 0.3)
        assert len(backend.opened) == 2
        speak(backend, clock, 100)
    assert changes(told) == [("opened", "mic"), ("closed", "mic")]
    warned = [event.code for event in told if isinstance(event, Warned)]
    assert warned == ["device-stuck", "samples-lost"]
    assert ring.end / 16_000 == pytest.approx(clock.now(), abs=0.001)


def test_a_device_that_cannot_be_opened_is_an_error_and_leaves_no_thread(backend, clock, sink):
    backend.plug("mic")
    source = MicrophoneSource("mic", backend=backend, clock=clock)
    backend.pull("mic")
    before = threading.active_count()
    with pytest.raises(DeviceError, match="mic is not there"), source.feed(sink, print):
        pass
    assert threading.active_count() == before


@pytest.fixture
def chirp(tmp_path):
    """A rising tone between two silences, whose place in a recording is easily found.

    The server may drop the first moment of what joins a monitor that already runs.
    """
    t = np.arange(48_000 * 2) / 48_000
    tone = 0.5 * np.sin(2 * np.pi * (200 * t + 400 * t * t))
    soundfile.write(tmp_path / "chirp.wav", np.pad(tone, 24_000), 48_000, "FLOAT")
    return tmp_path / "chirp.wav"


def until(true, patience_s=15):
    """Wait for a real device."""
    deadline = time.monotonic() + patience_s
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert true()


def aligned(recorded, played):
    """The part of a recording that best matches what was played."""
    n = len(recorded) + len(played)
    match = np.fft.irfft(np.fft.rfft(recorded, n) * np.conj(np.fft.rfft(played, n)), n)
    start = int(match[: len(recorded)].argmax())
    return recorded[start : start + len(played)]


@pytest.mark.audio
@pytest.mark.slow
def test_a_monitor_records_what_is_played_without_losing_a_sample(sound_server, chirp):
    ring = RingBuffer(48_000 * 30)
    source = MicrophoneSource("room", rate=48_000, block_ms=10)
    told = []
    with source.feed(RingSink(ring, lambda: ring.end), told.append):
        until(lambda: ring.end > 4_800)
        player = sound_server.play(chirp, "room")
        assert player.wait(20) == 0
        end = ring.end
        until(lambda: ring.end > end + 48_000)
    assert changes(told) == [("opened", "room.monitor"), ("closed", "room.monitor")]
    assert source.lost == 0
    played = soundfile.read(chirp, dtype="float32")[0]
    played = played[24_000:-24_000]
    heard = aligned(ring.read(0, ring.end), played)
    # the sink has 16 bits; a lost or doubled block would leave an error as large as the tone
    assert np.sqrt(np.mean((heard - played) ** 2)) < 1e-3


@pytest.mark.audio
@pytest.mark.slow
def test_a_real_device_is_lost_and_taken_back(sound_server):
    ring = RingBuffer(48_000 * 60)
    source = MicrophoneSource("monitor", rate=48_000)
    told = []
    with source.feed(RingSink(ring, lambda: ring.end), told.append):
        until(lambda: ring.end > 24_000)
        sound_server.remove_sink("headset")  # else its monitor would take the room's place
        sound_server.remove_sink("room")
        until(lambda: len(changes(told)) == 2)
        sound_server.add_sink("room")
        until(lambda: isinstance(told[-1], Warned))
    assert changes(told) == [
        (change, "room.monitor") for change in ("opened", "lost", "returned", "closed")
    ]
    assert 0.9 < source.lost / 48_000 < 10
    assert [event.code for event in told if isinstance(event, Warned)] == ["samples-lost"]


@pytest.mark.audio
@pytest.mark.slow
def test_a_real_stream_that_the_server_hands_over_is_noticed(sound_server):
    sound_server.rescue()
    ring = RingBuffer(48_000 * 60)
    told = []
    source = MicrophoneSource("room", rate=48_000)
    with source.feed(RingSink(ring, lambda: ring.end), told.append):
        until(lambda: ring.end > 24_000)
        sound_server.remove_sink("room")
        until(lambda: ("returned", "headset.monitor") in changes(told))
    assert changes(told)[:2] == [("opened", "room.monitor"), ("lost", "room.monitor")]


@pytest.mark.audio
def test_the_servers_devices_are_listed_under_their_own_names(sound_server):
    names = {(d.name, d.role, d.kind) for d in portaudio().devices() if d.host == "PulseAudio"}
    assert {
        ("room.monitor", "input", "monitor"),
        ("headset.monitor", "input", "monitor"),
        ("room", "output", "speaker"),
        ("headset", "output", "speaker"),
    } <= names
