"""Sound devices: what there is, and which one a user means."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tap_live.errors import DeviceError

Role = Literal["input", "output"]
Kind = Literal["microphone", "monitor", "speaker"]

MONITOR = "monitor"  # asks for what the default output plays
DEFAULT = "default"
BRIDGE = "pulse"  # the ALSA device through which PortAudio reaches any source or sink of a server
ALSA_NAMES = (DEFAULT, BRIDGE, "pipewire")  # of the server's own default


@dataclass(frozen=True)
class Device:
    """One device in one direction."""

    index: int  # in the list
    name: str
    description: str
    role: Role
    kind: Kind
    channels: int
    rate: int  # Hz, its own
    default: bool
    host: str  # "PulseAudio", "ALSA", "Core Audio", "Windows WASAPI", ...
    portaudio: int  # number there
    pulse: str | None = None  # the server's name for it, when reached through PulseAudio

    def __str__(self) -> str:
        return f"{self.index}: {self.name} ({self.description}, {self.host})"


def choose(devices: Sequence[Device], wanted: str | None, role: Role) -> Device:
    """Find the device that a user means.

    Args:
        wanted: an exact name, part of a name or description, or a number of the list;
            None or "default" is the platform's default ("pulse" and "pipewire" are, where a
            sound server runs), "monitor" for an input what the default output plays.
    Raises: DeviceError if none or several match; it lists what there is.
    """
    ours = [device for device in devices if device.role == role]
    if wanted is None:
        return _default(ours, role)
    exact = [device for device in ours if wanted in (device.name, str(device.index))]
    if len(exact) == 1:
        return exact[0]
    if wanted == DEFAULT or (wanted in ALSA_NAMES and any(device.pulse for device in ours)):
        return _default(ours, role)
    if wanted == MONITOR and role == "input":
        return _default([device for device in ours if device.kind == "monitor"], MONITOR)
    part = wanted.casefold()
    similar = exact or [
        device
        for device in ours
        if part in device.name.casefold() or part in device.description.casefold()
    ]
    similar = _of_one_host(similar)
    if len(similar) == 1:
        return similar[0]
    found = "several that match" if similar else "none of that name"
    raise DeviceError(
        f"wanted the {role} {wanted!r}, found {found}; {_list(similar or ours, role)}"
    )


def _default(devices: Sequence[Device], what: str) -> Device:
    for device in devices:
        if device.default:
            return device
    if devices:
        return devices[0]
    raise DeviceError(f"wanted a default {what}, found none; see tap-live doctor")


def _of_one_host(devices: list[Device]) -> list[Device]:
    """Keep the first host's: Windows lists every device once for each of its audio systems."""
    return [device for device in devices if device.host == devices[0].host]


def _list(devices: Sequence[Device], role: Role) -> str:
    if not devices:
        return f"there is no {role}; see tap-live doctor"
    return "choose one of " + ", ".join(str(device) for device in devices)
