import os
import signal

import pytest

from tap_live.errors import RuntimeMissingError, StorageError


@pytest.fixture(autouse=True)
def heard():
    """Whoever starts the tests in the background has interrupts ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupted():
    os.kill(os.getpid(), signal.SIGINT)


def cut_short(error):
    """An import that an interrupt ends, as C code tells of it: something is missing."""
    try:
        interrupted()
    except KeyboardInterrupt:
        raise error from None


@pytest.mark.parametrize(
    "does",
    [
        interrupted,
        lambda: cut_short(ImportError("numpy.core.multiarray failed to import")),
        lambda: cut_short(RuntimeMissingError("no ONNX Runtime is installed")),
        lambda: cut_short(SystemError("a result with an exception set")),
    ],
    ids=["at once", "a broken import", "a missing runtime", "anything else"],
)
def test_ctrl_c_while_a_command_starts_ends_it_with_one_quiet_line(tap_live, monkeypatch, does):
    monkeypatch.setattr("tap_live.commands.app.app", does)
    assert tap_live() == (1, "", "tap-live: stopped\n")


def test_ctrl_c_inside_a_command_is_as_quiet(tap_live, monkeypatch, tmp_path):
    monkeypatch.setattr("tap_live.commands.voices.VoiceStore.names", lambda store: interrupted())
    assert tap_live("voices", "list") == (1, "", "tap-live: stopped\n")


def test_an_error_that_tells_what_was_kept_is_said_after_an_interrupt_too(tap_live, monkeypatch):
    monkeypatch.setattr("tap_live.commands.app.app", lambda: cut_short(StorageError("all kept")))
    assert tap_live() == (1, "", "tap-live: all kept\n")


def test_an_import_that_fails_by_itself_says_so(tap_live, monkeypatch):
    def missing():
        raise RuntimeMissingError("no ONNX Runtime is installed")

    monkeypatch.setattr("tap_live.commands.app.app", missing)
    assert tap_live() == (1, "", "tap-live: no ONNX Runtime is installed\n")
