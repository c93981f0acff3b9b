"""Turn what a user wrote into the parts of a stream."""

import sys
from pathlib import Path

from tap_live.errors import ConfigError
from tap_live.outputs.device import DeviceOutput
from tap_live.outputs.file import FileOutput, check_format
from tap_live.outputs.virtual_mic import VirtualMicrophone
from tap_live.parts import MakeOutput
from tap_live.pulse import MONITOR
from tap_live.sources.device import MicrophoneSource
from tap_live.sources.file import FileSource
from tap_live.sources.source import Source
from tap_live.sources.stdin import PcmFormat, PcmSource

PCM_RATE = 16_000
SUFFIXES = tuple(
    [
        ".wav",
        ".flac",
        ".ogg",
        ".oga",
        ".opus",
        ".mp3",
        ".aif",
        ".aiff",
        ".aifc",
        ".au",
        ".caf",
        ".w64",
        ".rf64",
    ]
)


def open_input(
    wanted: str | None,
    *,
    channel: int | None = None,
    rate: int | None = None,
    block_ms: int = 10,
    pcm: PcmFormat = "s16",
    channels: int = 1,
) -> Source:
    """Open a microphone by name, `monitor`, a file, or - for standard input.

    Raises: what the source raises.
    """
    if wanted == "-":
        return PcmSource(
            sys.stdin.buffer, PCM_RATE if rate is None else rate, pcm, channels, channel
        )
    if wanted is not None and is_file(wanted):
        if rate is not None:
            raise ConfigError(f"the rate of '{wanted}' is its own: leave --rate out")
        return FileSource(wanted, channel, paced=True)
    return MicrophoneSource(wanted, channel, rate, block_ms)


def output_maker(wanted: str, source: Source) -> MakeOutput | None:
    """Choose an output: `none`, `headset`, a device by name, `virtual-mic`, or a file.

    Raises: ConfigError for a file that is no .wav or .flac; when it is made, for a device
        whose own sound is the source.
    """
    if wanted == "none":
        return None
    if is_file(wanted):
        check_format(Path(wanted))
        return lambda rate, tell: FileOutput(wanted, rate)
    if wanted == "virtual-mic":
        return VirtualMicrophone
    device = None if wanted == "headset" else wanted
    return lambda rate, tell: _unlike(source, DeviceOutput(device, rate, tell))


def _unlike(source: Source, output: DeviceOutput) -> DeviceOutput:
    """Refuse to play where the source hears what is played: it would howl."""
    sink = output.device.pulse
    if sink and isinstance(source, MicrophoneSource) and source.device.pulse == sink + MONITOR:
        raise ConfigError(
            f"the input {source.name!r} is what {output.name!r} plays, and would howl if it were "
            "played there again: choose another --output, as virtual-mic or a file"
        )
    return output


def is_file(wanted: str) -> bool:
    """Whether a user means a file rather than a device: it is there, or is written as one."""
    path = Path(wanted)
    return path.exists() or path.suffix.lower() in SUFFIXES or wanted.startswith(("/", "./"))
