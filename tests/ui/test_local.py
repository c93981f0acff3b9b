import threading
import time

import numpy as np
import pytest
import soundfile

from tap_live.events import (
    Bye,
    Caption,
    Failed,
    GetState,
    ListVoices,
    Ok,
    Progress,
    Record,
    SetDevice,
    Start,
    Stats,
    Stop,
)
from tap_live.ui.desk import Desk
from tap_live.ui.engine import Phase
from tap_live.ui.local import LocalEngine


@pytest.fixture
def local(make_builder, tmp_path):
    engines = []

    def make(seconds=4.0, paced=False):
        engines.append(LocalEngine(Desk(make_builder(seconds, paced), tmp_path)))
        return engines[-1]

    before = threading.active_count()
    yield make
    for engine in engines:
        engine.close()
    assert threading.active_count() == before


def until(engine, done, seconds=20.0):
    """Poll until something has happened; give all events."""
    events, deadline = [], time.monotonic() + seconds
    while not done(events):
        assert time.monotonic() < deadline, events
        events += engine.poll()
        time.sleep(0.005)
    return events + engine.poll()


def has(kind):
    return lambda events: any(isinstance(event, kind) for event in events)


def test_commands_are_answered_and_nothing_waits(local):
    engine = local()
    began = time.monotonic()
    engine.send(ListVoices(id="a"))
    engine.send(Stop(id="b"))
    assert time.monotonic() - began < 0.5
    events = until(engine, lambda events: len(events) >= 2)
    assert [(event.id, type(event)) for event in events] == [("a", Ok), ("b", Ok)]


def test_an_error_is_an_answer(local):
    engine = local()
    engine.send(Start(id=1))
    engine.send(Start(id=2))
    events = until(engine, has(Failed))
    assert next(e for e in events if isinstance(e, Failed)).id == 2


def test_a_stream_that_ends_by_itself_is_put_away(local):
    engine = local(1.0)
    engine.send(Start(id=1))
    until(engine, has(Bye))
    until(engine, lambda events: engine.phase is Phase.STOPPED)


def test_a_stream_that_cannot_be_put_away_is_told_and_logged(local, monkeypatch, caplog):
    def breaks(desk):
        clear(desk)
        raise KeyError("recorder")

    clear = Desk.clear
    monkeypatch.setattr(Desk, "clear", breaks)
    engine = local(1.0)
    engine.send(Start(id=1))
    events = until(engine, has(Failed))
    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert failed.code == "engine-ended" and "KeyError('recorder')" in failed.text
    assert "a stream was not put away" in caplog.text


def test_an_interface_that_stalls_loses_no_final_and_no_sample(local, tmp_path):
    """50 s of stream pass while nobody polls; what is left out is levels, never words."""
    engine = local(50.0)
    engine.send(Record(id=1, on=True))
    engine.send(Start(id=2))
    events = until(engine, lambda events: engine.phase is Phase.RUNNING)
    deadline = time.monotonic() + 60
    while engine._desk._running is not None and engine._desk._running.live.going:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    events += until(engine, has(Bye))
    words = [event.text for event in events if isinstance(event, Caption)]
    assert words == [f"w{n}" for n in range(100)]
    assert [event.lost for event in events if isinstance(event, Stats)][-1] == 0
    heard, _ = soundfile.read(tmp_path / "noise-50.0.wav", dtype="float32")
    (kept,) = tmp_path.glob("recordings/*/mixture.wav")
    until(engine, lambda events: engine.phase is Phase.STOPPED)
    recorded, _ = soundfile.read(kept, dtype="float32")
    np.testing.assert_allclose(recorded, heard, atol=2**-23)


@pytest.fixture
def building(local):
    """An engine that has been started, and builds what TensorRT wants."""
    engine = local()
    engine._desk._builder.slow = threading.Event()
    engine.send(Start(id=1))
    (told,) = [e for e in until(engine, has(Progress)) if isinstance(e, Progress)]
    assert (told.id, told.total) == (1, None)
    assert told.text == "building TensorRT's engine of encoder.onnx"
    assert engine.phase is Phase.STARTING
    return engine


def test_a_start_that_builds_engines_is_given_up_by_a_stop(building):
    building.send(Stop(id=2))
    events = until(building, lambda events: any(isinstance(e, Ok) and e.id == 2 for e in events))
    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert (failed.id, failed.code) == (1, "cancelled")
    assert building.phase is Phase.STOPPED
    building._desk._builder.slow = None
    building.send(Start(id=3))
    until(building, lambda events: building.phase is Phase.RUNNING)


def test_a_change_that_builds_engines_tells_it_too(local):
    engine = local(60.0, paced=True)
    engine.send(Start(id=1))
    until(engine, lambda events: engine.phase is Phase.RUNNING)
    engine._desk._builder.slow = threading.Event()
    engine.send(SetDevice(id=2, role="output", name=None))
    (told,) = [e for e in until(engine, has(Progress)) if isinstance(e, Progress)]
    assert told.id == 2
    engine._desk._builder.slow.set()
    until(engine, lambda events: any(isinstance(e, Ok) and e.id == 2 for e in events))
    assert engine.phase is Phase.RUNNING


def test_closing_gives_up_what_builds(building):
    began = time.monotonic()
    building.close()
    assert time.monotonic() - began < 10
    assert building.phase is Phase.STOPPED


def test_the_end_keeps_what_was_captured(local, tmp_path):
    engine = local(60.0, paced=True)
    engine.send(Record(id=1, on=True))
    engine.send(Start(id=2))
    engine.send(GetState(id=3))
    until(engine, lambda events: any(isinstance(e, Ok) and e.id == 3 for e in events))
    time.sleep(0.3)
    engine.close()
    (kept,) = tmp_path.glob("recordings/*/mixture.wav")
    recorded, _ = soundfile.read(kept, dtype="float32")
    heard, _ = soundfile.read(tmp_path / "noise-60.0.wav", dtype="float32")
    assert len(recorded) > 1600
    np.testing.assert_allclose(recorded, heard[: len(recorded)], atol=2**-23)
