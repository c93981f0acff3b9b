import logging

import pytest

from tap_live.errors import DeviceError
from tap_live.ui.background import Background


@pytest.fixture
def told(qtbot):
    """A task that is under way, and what it told."""
    background, told = Background(), []
    background.done.connect(lambda result: told.append(("done", result)))
    background.failed.connect(lambda why: told.append(("failed", why)))

    def run(work):
        assert background.run(work)
        background.wait()
        qtbot.waitUntil(lambda: bool(told))
        return told

    return run


def fails(error):
    raise error


def test_a_result_is_handed_over(told):
    assert told(lambda: 7) == [("done", 7)]


def test_why_there_is_none_is_said(told):
    assert told(lambda: fails(DeviceError("no such device"))) == [("failed", "no such device")]


def test_a_fault_of_the_program_is_said_and_logged(told, caplog):
    with caplog.at_level(logging.ERROR, "tap_live.ui.background"):
        [(signal, why)] = told(lambda: fails(KeyError("gone")))
    assert signal == "failed"
    assert why == "the panel itself failed at this: KeyError('gone'); the log says where"
    assert caplog.records[0].exc_info[0] is KeyError
