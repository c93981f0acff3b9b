"""A microphone that other programs can choose, which hears what TAP Live plays: Linux only.

It is a null sink, into which the output goes, and the sink's monitor under a name that
programs show as a microphone. It lasts until it is removed or the sound server ends.
"""

import sys

from tap_live import pulse
from tap_live.errors import DeviceError
from tap_live.outputs.device import DeviceOutput
from tap_live.sources.source import Tell

SINK = "tap_live"
SOURCE = "tap_live_mic"
NAME = "TAP Live microphone"
HOW_TO_SELECT = f"choose {NAME!r} as the microphone of your meeting or recorder"
ELSEWHERE = {
    "darwin": "install BlackHole (existential.audio) and play to it: --output BlackHole",
    "win32": "install VB-CABLE (vb-audio.com) and play to it: --output 'CABLE Input'",
}


def VirtualMicrophone(rate: int, tell: Tell) -> DeviceOutput:
    """Play into the virtual microphone; create it if it is not there.

    Raises: DeviceError where there is no sound server that can have one.
    """
    create()
    return DeviceOutput(SINK, rate, tell)


def create() -> bool:
    """Create the virtual microphone; return whether it was missing. Raises: DeviceError."""
    _check_platform()
    there = _names()
    if SINK not in there:
        pulse.tell(
            "load-module",
            "module-null-sink",
            f"sink_name={SINK}",
            "rate=48000",
            "channels=1",
            _described("sink", f"TAP Live output, heard as {NAME}"),
        )
    if SOURCE not in there:
        default = pulse.default_source()
        pulse.tell(
            "load-module",
            "module-remap-source",
            f"master={SINK}{pulse.MONITOR}",
            f"source_name={SOURCE}",
            _described("source", NAME),
        )
        if default is not None:  # a server may prefer the newest: then we would hear ourselves
            pulse.tell("set-default-source", default)
    return not {SINK, SOURCE} <= there


def remove() -> bool:
    """Remove the virtual microphone; return whether it was there. Raises: DeviceError."""
    _check_platform()
    modules = {node.name: node.module for node in pulse.nodes()}
    found = [modules[name] for name in (SOURCE, SINK) if name in modules]
    for module in found:
        pulse.tell("unload-module", str(module))
    return bool(found)


def exists() -> bool:
    """Whether programs can choose the virtual microphone now."""
    return _names() >= {SINK, SOURCE}


def _described(role: str, text: str) -> str:
    """A description as modules take it: quoted twice, for the list and for its value."""
    return f"{role}_properties=\"device.description='{text}'\""


def _names() -> set[str]:
    return {node.name for node in pulse.nodes()}


def _check_platform() -> None:
    if sys.platform in ELSEWHERE:
        raise DeviceError(
            f"a virtual microphone is made on Linux only; here {ELSEWHERE[sys.platform]}"
        )
    if not pulse.running():
        raise DeviceError(
            "a virtual microphone wants a PulseAudio or PipeWire server and pactl, found none; "
            "install pulseaudio-utils and start the server"
        )
