import pytest

from tap_live.commands import main
from tap_live.commands import panel as panel_module


@pytest.fixture
def tap_live(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr("sys.argv", ["tap-live", *words])
        monkeypatch.setattr("signal.signal", lambda *_: None)
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr()

    return run


def test_without_qt_it_says_how_to_get_it(tap_live, monkeypatch):
    monkeypatch.setattr(panel_module, "find_spec", lambda name: None)
    code, told = tap_live("panel")
    assert code == 1
    assert "pip install 'tap-live[ui]'" in told.err


def test_what_is_no_address_is_said(tap_live):
    code, told = tap_live("panel", "--connect", "ftp://nowhere")
    assert code == 2
    assert "wanted ws://HOST:PORT" in told.err


def test_a_profile_that_was_never_saved_is_said(tap_live):
    code, told = tap_live("panel", "--setup", "nowhere")
    assert code == 2
    assert "no profile 'nowhere' was saved in the panel, only none" in told.err


def test_it_is_in_the_help(tap_live):
    code, told = tap_live("panel", "--help")
    assert code == 0
    assert "--connect" in told.out
