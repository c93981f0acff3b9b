"""A playing device: made up on a clock of its own, and a real one behind a sound server."""

import time

import numpy as np
import pytest

from tap_live.errors import DeviceError
from tap_live.events import Device, Warned
from tap_live.outputs.device import SETTLE_S, DeviceOutput
from tap_live.ring import RingBuffer
from tap_live.sources.device import MicrophoneSource
from tap_live.sources.source import RingSink
from tap_live.sources.watchdog import FIRST_S

RATE, BLOCK = 16_000, 160


@pytest.fixture
def headset(backend):
    return backend.plug("headset", "output", kind="speaker", channels=2)


def ask(backend, blocks=1):
    """What the device plays next, (T, 2)."""
    played = []
    for _ in range(blocks):
        frames = np.full((BLOCK, 2), np.nan, np.float32)
        backend.stream.callback(frames)
        played.append(frames)
    return np.concatenate(played)


def changes(told):
    return [(event.change, event.name) for event in told if isinstance(event, Device)]


def codes(told):
    return [event.code for event in told if isinstance(event, Warned)]


def test_it_plays_the_stream_on_both_channels_after_a_gentle_start(backend, clock, headset):
    told = []
    with DeviceOutput("headset", RATE, told.append, backend=backend, clock=clock) as output:
        clock.settle()
        assert not ask(backend).any()
        played = []
        for _ in range(200):
            output.write(np.full(BLOCK, 0.5, np.float32))
            played.append(ask(backend))
        played = np.concatenate(played)
        clock.advance(0.2)
        assert (codes(told), changes(told)) == ([], [("opened", "headset")])
    np.testing.assert_array_equal(played[:, 0], played[:, 1])
    rising = played[: RATE // 2, 0]
    assert (np.diff(rising) >= -1e-6).all()
    assert np.abs(np.diff(rising)).max() < 0.005
    np.testing.assert_allclose(played[-RATE // 2 :], 0.5, atol=1e-4)
    assert changes(told)[-1] == ("closed", "headset")


def test_what_is_loud_is_limited_and_what_is_no_number_is_silent(backend, clock, headset):
    output = DeviceOutput("headset", RATE, lambda event: None, backend=backend, clock=clock)
    with output:
        clock.settle()
        played = []
        for number in range(300):
            block = 3 * np.random.default_rng(number).standard_normal(BLOCK).astype(np.float32)
            block[number % BLOCK] = np.nan
            output.write(block)
            played.append(ask(backend))
        clock.settle()
    assert np.isfinite(played).all()
    assert 0.5 < np.abs(played).max() <= 1.0


def test_a_stream_that_stops_coming_fades_out_and_is_told(backend, clock, headset):
    told = []
    with DeviceOutput("headset", RATE, told.append, backend=backend, clock=clock) as output:
        clock.settle()
        clock.advance(SETTLE_S)
        for _ in range(200):
            output.write(np.full(BLOCK, 0.5, np.float32))
            ask(backend)
        last = ask(backend, 10)[:, 0]
        assert np.abs(np.diff(last)).max() < 0.02
        assert not last[-BLOCK:].any()
        clock.advance(0.15)
        assert codes(told) == ["output-dry"]


def test_a_stream_that_comes_all_at_once_is_skipped_to_its_level(backend, clock, headset):
    told = []
    with DeviceOutput("headset", RATE, told.append, backend=backend, clock=clock) as output:
        clock.settle()
        clock.advance(SETTLE_S)
        for _ in range(20):
            output.write(np.zeros(BLOCK, np.float32))
            ask(backend)
        output.write(np.zeros(RATE, np.float32))
        assert output.delay > 0.9
        ask(backend)
        assert output.delay < 0.02
        clock.advance(0.15)
        assert codes(told) == ["output-skipped"]


def test_nothing_is_played_while_the_input_is_gone(backend, clock, headset):
    with DeviceOutput("headset", RATE, print, backend=backend, clock=clock) as output:
        clock.settle()
        played = []
        for number in range(300):
            output.turn(not 150 <= number < 200)
            output.write(np.full(BLOCK, 0.5, np.float32))
            played.append(ask(backend)[:, 0])
    assert played[140].all()
    assert not np.any(played[160:195])
    np.testing.assert_allclose(played[290], 0.5, atol=1e-4)
    assert np.abs(np.diff(np.concatenate(played))).max() < 0.01


def test_a_device_that_comes_back_plays_on(backend, clock, headset):
    told = []
    with DeviceOutput("headset", RATE, told.append, backend=backend, clock=clock) as output:
        clock.settle()
        ask(backend)
        backend.pull("headset")
        clock.advance(FIRST_S + 1)
        output.write(np.ones(BLOCK, np.float32))  # nobody hears it, nothing breaks
        backend.plug("headset", "output", kind="speaker", channels=2, rate=RATE)
        clock.advance(2)
        for _ in range(4):
            output.write(np.full(BLOCK, 0.5, np.float32))
        assert ask(backend).any()
    expected = ["opened", "lost", "returned", "closed"]
    assert changes(told) == [(change, "headset") for change in expected]


def test_a_device_with_another_rate_is_given_its_own(backend, clock):
    backend.plug("dac", "output", kind="speaker", channels=2, rate=48_000)
    asked = []
    opened = backend.open_output

    def open_output(device, rate, block, callback):
        asked.append((rate, block))
        if rate != 48_000:
            raise DeviceError("it plays 48 kHz only")
        return opened(device, rate, block, callback)

    backend.open_output = open_output
    with DeviceOutput("dac", RATE, print, backend=backend, clock=clock) as output:
        clock.settle()
        tone = 0.5 * np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE).astype(np.float32)
        played = []
        for start in range(0, RATE, BLOCK):
            output.write(tone[start : start + BLOCK])
            played.append(ask(backend, 3)[:, 0])
    assert asked == [(16_000, 160), (48_000, 480)]
    heard = np.concatenate(played)[-24_000:]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert spectrum.argmax() * 48_000 / len(heard) == pytest.approx(500, abs=3)


def until_awake(ring):
    """A null sink that nobody used sleeps for up to two seconds."""
    deadline = time.monotonic() + 10
    while ring.end < 4_800 and time.monotonic() < deadline:
        time.sleep(0.02)


@pytest.mark.audio
@pytest.mark.slow
def test_a_headset_plays_the_stream_without_a_gap(sound_server):
    """The stream goes to a null sink; its monitor, recorded, holds one unbroken tone."""
    ring = RingBuffer(48_000 * 30)
    told = []
    source = MicrophoneSource("headset", rate=48_000)
    tone = (0.3 * np.sin(2 * np.pi * 500 * np.arange(480 * 500) / 48_000)).astype(np.float32)
    with (
        source.feed(RingSink(ring, lambda: ring.end), lambda event: None),
        DeviceOutput("headset", 48_000, told.append, block_ms=40, margin_ms=300) as output,
    ):
        until_awake(ring)
        started, late = time.monotonic(), 0.0
        for start in range(0, len(tone), 480):
            output.write(tone[start : start + 480])
            early = started + (start + 480) / 48_000 - time.monotonic()
            late = max(late, -early)
            time.sleep(max(0.0, early))
    if late > 0.2:
        pytest.skip(f"this machine is too busy to play in time: {late:.1f} s late")
    assert codes(told) == []
    assert changes(told) == [("opened", "headset"), ("closed", "headset")]
    heard = ring.read(0, ring.end)
    loud = np.flatnonzero(np.abs(heard) > 0.25)
    steady = heard[loud[0] + 24_000 : loud[-1] - 4_800]
    assert len(steady) > 48_000 * 1.5
    # a sine solves x[n+1] + x[n-1] = 2 cos(w) x[n]; a gap, step or click does not
    step = 2 * np.pi * 500 / 48_000
    assert np.abs(steady[2:] + steady[:-2] - 2 * np.cos(step) * steady[1:-1]).max() < 2e-3


@pytest.mark.audio
@pytest.mark.slow
def test_a_real_headset_is_lost_and_taken_back(sound_server):
    told = []
    with DeviceOutput("headset", 48_000, told.append) as output:
        for number, wanted in enumerate(("opened", "lost", "returned")):
            if wanted == "lost":
                sound_server.remove_sink("room")  # else it would take the headset's place
                sound_server.remove_sink("headset")
            if wanted == "returned":
                sound_server.add_sink("headset")
            deadline = time.monotonic() + 15
            while len(changes(told)) <= number and time.monotonic() < deadline:
                output.write(np.zeros(480, np.float32))
                time.sleep(0.01)
    expected = ["opened", "lost", "returned", "closed"]
    assert changes(told) == [(change, "headset") for change in expected]
