import pytest

from tap_live.devices import choose
from tap_live.errors import DeviceError


@pytest.fixture
def devices(backend):
    backend.plug("usb")
    backend.plug("usb headset", default=True)
    backend.plug("laptop")
    backend.plug("speakers.monitor", kind="monitor")
    backend.plug("hdmi.monitor", kind="monitor", default=True)
    backend.plug("speakers", "output", kind="speaker", default=True)
    return backend.devices()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("usb", "usb"),  # an exact name is never ambiguous
        ("head", "usb headset"),
        ("LAPTOP", "laptop"),
        ("The laptop", "laptop"),  # a description
        ("2", "laptop"),
        (None, "usb headset"),
        ("default", "usb headset"),
        ("monitor", "hdmi.monitor"),
    ],
)
def test_a_device_is_found_as_users_ask_for_it(devices, wanted, found):
    assert choose(devices, wanted, "input").name == found


def test_directions_are_kept_apart(devices):
    assert choose(devices, "speakers", "output").name == "speakers"
    assert choose(devices, "speakers", "input").name == "speakers.monitor"
    with pytest.raises(DeviceError, match="wanted the output 'usb', found none of that name"):
        choose(devices, "usb", "output")


@pytest.mark.parametrize("name", ["pulse", "pipewire", "default"])
def test_alsas_names_for_a_sound_server_mean_its_default(backend, name):
    backend.plug("room.monitor", kind="monitor", pulse="room.monitor")
    backend.plug("alsa_input.usb", default=True, pulse="alsa_input.usb")
    assert choose(backend.devices(), name, "input").name == "alsa_input.usb"


def test_without_a_sound_server_its_names_are_nobodys(devices):
    with pytest.raises(DeviceError, match="wanted the input 'pulse', found none of that name"):
        choose(devices, "pulse", "input")


def test_several_matches_are_listed(devices):
    with pytest.raises(DeviceError, match="several that match; choose one of") as raised:
        choose(devices, "us", "input")
    assert "0: usb (The usb, fake), 1: usb headset" in str(raised.value)
    assert "laptop" not in str(raised.value)


def test_what_there_is_is_listed_when_nothing_matches(devices):
    with pytest.raises(DeviceError, match="found none of that name; choose one of 0: usb"):
        choose(devices, "saxophone", "input")


def test_a_machine_without_devices_is_sent_to_the_doctor():
    with pytest.raises(DeviceError, match="wanted a default input, found none; see tap-live"):
        choose([], None, "input")
    with pytest.raises(DeviceError, match="there is no input; see tap-live doctor"):
        choose([], "usb", "input")


def test_one_device_under_several_systems_is_one_match(backend):
    """Windows lists each device for MME, DirectSound and WASAPI."""
    from dataclasses import replace

    backend.plug("Microphone (USB)")
    first = backend.present[0]
    both = [replace(first, host="MME"), replace(first, host="Windows WASAPI")]
    assert choose(both, "usb", "input").host == "MME"
