"""A PulseAudio or PipeWire server, asked and changed through its own tool, `pactl`.

PortAudio reaches such a server through one ALSA device, `pulse`; which source or sink
that is, the server's client library takes from the environment (PULSE_SOURCE, PULSE_SINK).
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from tap_live.errors import DeviceError

PATIENCE_S = 5.0
MONITOR = ".monitor"


@dataclass(frozen=True)
class Node:
    """A source or sink of the server."""

    name: str
    description: str
    role: Literal["input", "output"]
    monitor_of: str | None  # the sink whose sound a source repeats
    channels: int
    rate: int
    default: bool
    module: int  # that made it


def running() -> bool:
    """Whether there is a server, and `pactl` to talk to it."""
    return shutil.which("pactl") is not None and _pactl("info").returncode == 0


def nodes() -> list[Node]:
    """List sources and sinks; empty when there is no server."""
    if not running():
        return []
    server = ask("info")
    defaults = {server.get("default_source_name"), server.get("default_sink_name")}
    found = [_node(entry, "input", defaults) for entry in ask("list", "sources")]
    return found + [_node(entry, "output", defaults) for entry in ask("list", "sinks")]


def default_source() -> str | None:
    """The source that programs record when they ask for none. Raises: DeviceError."""
    name = ask("info").get("default_source_name")
    return name if isinstance(name, str) else None


def lacks(name: str) -> bool:
    """Whether the server answers, and knows no source or sink of this name."""
    try:
        entries = [*ask("list", "sources"), *ask("list", "sinks")]
    except DeviceError:
        return False
    return all(entry["name"] != name for entry in entries)


def ask(*words: str) -> Any:
    """Ask `pactl` for JSON. Raises: DeviceError if it refuses or is too old to know JSON."""
    answer = tell("--format=json", *words)
    try:
        return msgspec.json.decode(answer)
    except msgspec.DecodeError as error:
        raise DeviceError(
            "wanted pactl 15.99 or newer, which writes JSON; found an older one"
        ) from error


def tell(*words: str) -> str:
    """Run `pactl`, return what it says. Raises: DeviceError if it fails or is missing."""
    if shutil.which("pactl") is None:
        raise DeviceError(
            "wanted the command pactl to talk to the sound server, found none; install "
            "pulseaudio-utils (Debian, Fedora)"
        )
    done = _pactl(*words)
    if done.returncode != 0:
        raise DeviceError(f"pactl {' '.join(words)} failed: {done.stderr.strip()}")
    return done.stdout


def _pactl(*words: str) -> subprocess.CompletedProcess[str]:
    command = ["pactl", *words]
    try:
        return subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=PATIENCE_S,
            # else some versions write 0,5 into their JSON where that is the custom
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", "the sound server does not answer")


def _node(entry: dict[str, Any], role: Literal["input", "output"], defaults: set[Any]) -> Node:
    _, channels, rate = entry["sample_specification"].split()  # "s16le 2ch 44100Hz"
    return Node(
        name=entry["name"],
        description=entry["description"],
        role=role,
        monitor_of=entry.get("monitor_source") or None if role == "input" else None,
        channels=int(channels.removesuffix("ch")),
        rate=int(rate.removesuffix("Hz")),
        default=entry["name"] in defaults,
        module=_module(entry.get("owner_module")),
    )


def _module(entry: Any) -> int:
    return entry if isinstance(entry, int) else -1
