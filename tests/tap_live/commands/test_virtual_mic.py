import pytest

from tap_live import pulse


@pytest.mark.audio
def test_it_is_made_once_and_removed_once(tap_live, sound_server):
    default = pulse.default_source()
    for state in ("ready", "there already"):
        code, out, _ = tap_live("virtual-mic")
        assert code == 0
        assert f"'TAP Live microphone' is {state}; choose" in out
    names = {node.name: node for node in pulse.nodes()}
    assert names["tap_live_mic"].description == "TAP Live microphone"
    assert pulse.default_source() == default
    assert "is removed" in tap_live("virtual-mic", "--remove")[1]
    assert "was not there" in tap_live("virtual-mic", "--remove")[1]
    assert not {"tap_live", "tap_live_mic"} & {node.name for node in pulse.nodes()}


def test_without_a_sound_server_it_says_what_is_missing(tap_live, monkeypatch):
    monkeypatch.setattr("tap_live.pulse.running", lambda: False)
    code, _, err = tap_live("virtual-mic")
    assert code == 1
    assert "wants a PulseAudio or PipeWire server" in err


def test_other_systems_are_pointed_to_a_cable(tap_live, monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    code, _, err = tap_live("virtual-mic")
    assert code == 1
    assert "install BlackHole" in err
