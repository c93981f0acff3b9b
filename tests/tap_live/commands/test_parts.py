import pytest

from tap_live.commands.parts import output_maker
from tap_live.errors import ConfigError
from tap_live.outputs.device import DeviceOutput
from tap_live.sources.device import MicrophoneSource

RATE = 16_000


@pytest.fixture
def outputs(backend, monkeypatch):
    """Two headsets of a sound server; the monitor of the first is the input."""
    backend.plug("headset", role="output", kind="speaker", pulse="headset")
    backend.plug("other", role="output", kind="speaker", pulse="other")
    backend.plug("headset.monitor", kind="monitor", pulse="headset.monitor")
    monkeypatch.setattr(
        "tap_live.commands.parts.DeviceOutput",
        lambda device, rate, tell: DeviceOutput(device, rate, tell, backend=backend),
    )
    return backend


def test_what_an_output_plays_is_never_played_there_again(outputs):
    source = MicrophoneSource("monitor", backend=outputs)
    with pytest.raises(ConfigError, match=r"would howl if .* choose another --output"):
        output_maker("0", source)(RATE, print)
    assert output_maker("other", source)(RATE, print).device.name == "other"


def test_a_microphone_is_played_anywhere(outputs):
    outputs.plug("desk", pulse="desk")
    source = MicrophoneSource("desk", backend=outputs)
    assert output_maker("0", source)(RATE, print).device.name == "headset"


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_opened(outputs):
    source = MicrophoneSource("monitor", backend=outputs)
    with pytest.raises(ConfigError, match=r"wanted a \.wav or \.flac file to write"):
        output_maker("out.mp3", source)
