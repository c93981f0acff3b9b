import pytest

from tap_live.events import Cancel, Export, Progress
from tap_live.ui.export_dialog import ExportDialog


@pytest.fixture
def dialog(window):
    dialog = ExportDialog(window.link, window)
    dialog.show()
    yield dialog
    dialog.close()


def begin(dialog):
    dialog.model.setCurrentText("compact")
    dialog.checkpoint.setText("voice.pt")
    dialog.precision.setCurrentText("fp16")
    dialog.start.click()


def test_a_checkpoint_is_wanted_first(dialog):
    assert not dialog.start.isEnabled()
    dialog.checkpoint.setText("voice.pt")
    assert dialog.start.isEnabled()


def test_what_was_chosen_is_told_and_progress_shown(dialog, window, engine):
    begin(dialog)
    told = engine.told(Export)[-1]
    assert (told.model, told.checkpoint, told.to) == ("compact", "voice.pt", "onnx")
    assert told.precision == "fp16"
    engine.say(Progress(id=told.id, done=1, total=2, text="parity"))
    window.link.poll()
    assert (dialog.bar.value(), dialog.bar.maximum(), dialog.verdict.text()) == (1, 2, "parity")
    assert not dialog.start.isEnabled()


def test_the_end_says_where_the_bundle_is(dialog, window, engine):
    engine.answers[Export] = {"folder": "/there/compact-fp16"}
    begin(dialog)
    window.link.poll()
    assert "/there/compact-fp16" in dialog.verdict.text()
    assert dialog.start.isEnabled() and not dialog.stop.isEnabled()


def test_a_failure_is_said(dialog, window, engine):
    engine.answers[Export] = "the export failed: no PyTorch here"
    begin(dialog)
    window.link.poll()
    assert dialog.verdict.text() == "the export failed: no PyTorch here"
    assert dialog.start.isEnabled()


@pytest.mark.parametrize("leave", ["stop", "close"])
def test_it_is_given_up_by_a_button_or_by_leaving(dialog, engine, leave):
    begin(dialog)
    dialog.stop.click() if leave == "stop" else dialog.close()
    assert engine.told(Cancel)[-1].task == engine.told(Export)[-1].id
