"""Which sound devices there are: PortAudio's, and those of a sound server under their own names.

PortAudio knows a server only by ALSA's names for it, which lead to the server's default. Where the
server tells its devices, those names would be the same ones again, and are left out.
"""

from dataclasses import replace
from types import ModuleType
from typing import Literal

from tap_live import pulse
from tap_live.devices import ALSA_NAMES, BRIDGE, Device, Role


def of_library(library: ModuleType) -> list[Device]:
    """What PortAudio lists, once for each direction; not numbered yet."""
    hosts = library.query_hostapis()
    default = library.default.device  # [input, output]
    found: list[Device] = []
    for entry in library.query_devices():
        roles: tuple[tuple[Role, int], ...] = (("input", 0), ("output", 1))
        for role, side in roles:
            channels = entry[f"max_{role}_channels"]
            if channels < 1:
                continue
            found.append(
                Device(
                    index=-1,
                    name=entry["name"],
                    description=entry["name"],
                    role=role,
                    kind="speaker" if role == "output" else "microphone",
                    # ALSA's devices that convert claim 32; what stands behind has 2 at most
                    channels=2 if channels >= 32 else channels,
                    rate=round(entry["default_samplerate"]),
                    default=entry["index"] == default[side],
                    host=hosts[entry["hostapi"]]["name"],
                    portaudio=entry["index"],
                )
            )
    return found


def with_server(library: list[Device]) -> list[Device]:
    """Number the devices, those of a sound server first, each once."""
    bridge = next((device for device in library if device.name == BRIDGE), None)
    nodes = pulse.nodes() if bridge else []
    if bridge and nodes:
        server = [_of_node(node, bridge.portaudio) for node in nodes]
        others = [device for device in library if device.name not in ALSA_NAMES]
        library = server + [replace(device, default=False) for device in others]
    return [replace(device, index=i) for i, device in enumerate(library)]


def _of_node(node: pulse.Node, portaudio: int) -> Device:
    kind: Literal["microphone", "monitor", "speaker"] = "microphone"
    if node.role == "output":
        kind = "speaker"
    elif node.monitor_of:
        kind = "monitor"
    return Device(
        index=-1,
        name=node.name,
        description=node.description,
        role=node.role,
        kind=kind,
        channels=node.channels,
        rate=node.rate,
        default=node.default,
        host="PulseAudio",
        portaudio=portaudio,
        pulse=node.name,
    )
