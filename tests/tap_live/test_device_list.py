import pytest

from tap_live import pulse
from tap_live.device_list import with_server
from tap_live.devices import Device
from tap_live.pulse import Node


def of_alsa(name, role="input", default=False):
    return Device(
        index=-1, name=name, description=name, role=role, kind="microphone", channels=2,
        rate=44_100, default=default, host="ALSA", portaudio=3,
    )  # fmt: skip


NODES = [
    Node("usb", "USB Microphone", "input", None, 1, 16_000, True, 7),
    Node("out.monitor", "Monitor of Speakers", "input", "out", 2, 48_000, False, -1),
    Node("out", "Speakers", "output", None, 2, 48_000, True, -1),
]
ALSA = [
    of_alsa("HDA Intel (hw:0,0)"),
    *(of_alsa(name, role) for name in ("pulse", "pipewire") for role in ("input", "output")),
    of_alsa("default", default=True),
]


@pytest.fixture
def nodes(monkeypatch):
    """What the sound server says; nothing while it is empty."""
    found = []
    monkeypatch.setattr(pulse, "nodes", lambda: found)
    return found


def test_a_servers_devices_are_listed_once_with_their_own_names_and_rates(nodes):
    nodes += NODES
    found = with_server(ALSA)
    assert [(d.index, d.name, d.kind, d.rate, d.default) for d in found] == [
        (0, "usb", "microphone", 16_000, True),
        (1, "out.monitor", "monitor", 48_000, False),
        (2, "out", "speaker", 48_000, True),
        (3, "HDA Intel (hw:0,0)", "microphone", 44_100, False),
    ]
    assert {d.portaudio for d in found if d.pulse} == {3}


def test_where_no_server_tells_its_devices_alsas_names_are_what_there_is(nodes):
    found = with_server(ALSA)
    assert [(d.index, d.name) for d in found] == list(enumerate(d.name for d in ALSA))
    assert [d.name for d in found if d.default] == ["default"]


def test_a_server_that_portaudio_does_not_reach_is_not_listed(nodes):
    nodes += NODES
    found = with_server([of_alsa("HDA Intel (hw:0,0)"), of_alsa("default", default=True)])
    assert [d.name for d in found] == ["HDA Intel (hw:0,0)", "default"]
