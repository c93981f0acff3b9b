"""The engine page: where networks run, and what the doctor finds there."""

import pytest
from PyQt6.QtWidgets import QApplication, QLabel

from tap_live.events import Doctor, GetState, Start
from tap_live.ui.engine import Phase
from tap_live.ui.setup import Setup


@pytest.fixture
def page(window):
    window.show_page(2)
    return window.engine


def choose(box, value):
    place = box.findData(value)
    box.setCurrentIndex(place)
    box.activated.emit(place)


def words(box):
    QApplication.processEvents()
    return [label.text() for label in box.findChildren(QLabel) if label.isVisible()]


def test_the_device_is_asked_for_at_the_start(page, window, engine):
    choose(page.device, "cuda")
    assert not engine.told(Start)  # nothing runs: nothing is begun
    engine.answers[Start] = {"devices": {"whisper-base": "cuda"}}
    window.link.begin()
    window.link.poll()
    assert engine.told(Start)[-1].device == "cuda"
    assert page.placed.text() == "In use: whisper-base: CUDA."


def test_a_stream_that_runs_begins_anew_on_another_device(page, window, engine):
    engine.hello()
    window.link.poll()
    choose(page.device, "cpu")
    assert engine.told(Start)[-1].device == "cpu"
    assert window.link.setup.device == "cpu"


def test_a_device_that_is_not_there_is_said(page, window, engine):
    choose(page.device, "tensorrt")
    engine.answers[Start] = {"devices": {"whisper-base": "cpu"}}
    window.link.begin()
    window.link.poll()
    assert page.placed.text() == (
        "Not all could run where you asked: whisper-base: CPU. The doctor says why."
    )
    assert page.placed.property("grade") == "watch"


def test_an_engine_elsewhere_says_where_it_runs(open_panel, make_engine):
    engine = make_engine(remote=True, phase=Phase.STARTING)
    engine.answers[GetState] = {"devices": {"whisper-base": "tensorrt"}, "targets": []}
    window = open_panel(engine, Setup())
    engine.phase = Phase.RUNNING
    window.link.poll()
    window.link.poll()
    assert "whisper-base: TensorRT" in window.engine.placed.text()
    assert not window.engine.device.isEnabled()
    window.close()


def test_the_device_is_kept_with_the_setup(page, window):
    choose(page.device, "cuda")
    window.close()
    assert window.profiles.load().device == "cuda"


@pytest.mark.parametrize("remote", [False, True], ids=["here", "elsewhere"])
def test_findings_are_those_of_the_engines_machine_the_gravest_first(
    page, window, engine, make_engine, remote
):
    if remote:
        engine = window.link.engine = make_engine(remote=True)
    engine.answers[Doctor] = [
        {"what": "processor", "state": "ok", "text": "64 cores", "cure": ""},
        {"what": "sound", "state": "failed", "text": "no input", "cure": "connect one"},
    ]
    page.doctor.refresh()
    window.link.poll()
    assert engine.told(Doctor)
    shown = [text for text in words(page.doctor) if "Doctor" not in text]
    assert shown == ["■ failed: sound: no input", "→ connect one", "✓ ok: processor: 64 cores"]


def test_a_doctor_that_cannot_come_says_why(page, window, engine):
    engine.answers[Doctor] = "the engine cannot be reached now"
    page.doctor.refresh()
    window.link.poll()
    assert "the engine cannot be reached now" in words(page.doctor)
