"""PortAudio, loaded when a device is asked for, and what it opens.

The library keeps one state for a process: its list of devices is made when it is
loaded, and a new one only while no stream is open. None of its calls is waited for without
end: with a sound server that stands still, none would return.
"""

import atexit
import ctypes
import ctypes.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from types import ModuleType
from typing import Any, Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from tap_live import pulse
from tap_live.device_list import of_library, with_server
from tap_live.devices import ALSA_NAMES, Device, Role
from tap_live.errors import DeviceError, RuntimeMissingError
from tap_live.turns import Turns

Frames: TypeAlias = NDArray[np.float32]
"""(T, C) samples."""

Heard: TypeAlias = Callable[[Frames, float, bool], None]
"""Takes what was recorded, when (the device's seconds, or 0), and whether some was lost."""

Asked: TypeAlias = Callable[[Frames], None]
"""Fills what a device will play."""

# Blocks that a sound server keeps. With 2 for an output a loaded machine of two cores
# underflows within seconds, with 4 it does not; a late input loses nothing.
LATENCY_BLOCKS: dict[Role, int] = {"input": 2, "output": 4}


def _end_without_it() -> None:
    """Leave its clearing up at the program's end out, which would wait for ever."""
    library = sys.modules.get("sounddevice")
    if library is not None:
        atexit.unregister(library._exit_handler)


# PortAudio, the environment and stderr: one for a process. Windows binds devices to the thread
# that found them, so there all calls stay on the caller's.
_TURNS = Turns(beside=sys.platform != "win32", left=_end_without_it)
_IGNORE = ctypes.CFUNCTYPE(  # ALSA's snd_lib_error_handler_t; kept for as long as ALSA is
    None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p
)(lambda *_: None)
USUAL_RATES = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000)


class Stream(Protocol):
    """An open device, whose callback runs until it is closed."""

    @property
    def active(self) -> bool:
        """Whether the callback may still come."""
        ...

    @property
    def latency(self) -> float:
        """Seconds between the device and the callback, as PortAudio knows it."""
        ...

    def close(self) -> None: ...


class Backend(Protocol):
    """What opens devices; tests pass one of their own."""

    def devices(self) -> list[Device]: ...

    def moved(self, device: Device) -> bool:
        """Whether a device is gone although its stream goes on, with another one."""
        ...

    def open_input(self, device: Device, rate: int, block: int, heard: Heard) -> Stream:
        """Record `device.channels` channels in blocks of `block` frames."""
        ...

    def open_output(self, device: Device, rate: int, block: int, asked: Asked) -> Stream:
        """Play up to two channels in blocks of `block` frames."""
        ...


class PortAudio:
    """The machine's devices; `portaudio` returns the one there can be in a process."""

    def __init__(self, library: ModuleType) -> None:
        self._library = library
        self._open = 0  # streams

    def devices(self) -> list[Device]:
        """List the devices there are now, each once; those of a sound server first."""
        with _process():
            library = _TURNS.call(self._list)
        return with_server(library)

    def moved(self, device: Device) -> bool:
        """Sound servers hand the stream of a device that is gone to another, silently."""
        return device.pulse is not None and pulse.lacks(device.pulse)

    def rates(self, device: Device) -> tuple[int, ...]:
        """The usual rates that a device takes; a sound server takes any."""
        if device.pulse is not None:
            return USUAL_RATES
        check = getattr(self._library, f"check_{device.role}_settings")
        good = []
        for rate in USUAL_RATES:
            with _process():
                try:
                    _TURNS.call(partial(check, device.portaudio, samplerate=rate))
                except self._library.PortAudioError:
                    continue
            good.append(rate)
        return tuple(good)

    def open_input(self, device: Device, rate: int, block: int, heard: Heard) -> Stream:
        def callback(data: Frames, frames: int, time: Any, status: Any) -> None:
            heard(data, time.inputBufferAdcTime, status.input_overflow)

        return self._opened(device, rate, block, "InputStream", device.channels, callback)

    def open_output(self, device: Device, rate: int, block: int, asked: Asked) -> Stream:
        def callback(data: Frames, frames: int, time: Any, status: Any) -> None:
            asked(data)

        channels = min(2, device.channels)
        return self._opened(device, rate, block, "OutputStream", channels, callback)

    def _opened(
        self, device: Device, rate: int, block: int, kind: str, channels: int, callback: Any
    ) -> Stream:
        latency_s = LATENCY_BLOCKS[device.role] * block / rate

        def begin() -> Any:
            stream = getattr(self._library, kind)(
                device=device.portaudio,
                samplerate=rate,
                blocksize=block,
                channels=channels,
                dtype="float32",
                latency=latency_s if device.pulse else "low",
                extra_settings=self._settings(device),
                callback=callback,
            )
            stream.start()
            self._open += 1
            return stream

        try:
            with _process(), _directed(device, latency_s):
                stream = _TURNS.call(begin, self._end)
        except self._library.PortAudioError as error:
            raise DeviceError(
                f"cannot open {device.role} {device.name!r} at {rate} Hz: {_reason(error)}"
            ) from error
        return _Opened(stream, self._close)

    def _close(self, stream: Any) -> None:
        with _process():
            _TURNS.leave(partial(self._end, stream))

    def _end(self, stream: Any) -> None:
        stream.abort(ignore_errors=True)
        stream.close(ignore_errors=True)
        self._open -= 1

    def _list(self) -> list[Device]:
        if not self._open:  # else what was there when the library was loaded, however long ago
            self._library._terminate()
            self._library._initialize()
        return of_library(self._library)

    def _settings(self, device: Device) -> Any:
        """Let Windows convert rates, which it does for shared devices only when asked."""
        if device.host == "Windows WASAPI":
            return self._library.WasapiSettings(auto_convert=True)
        return None


class _Opened:
    def __init__(self, stream: Any, close: Callable[[Any], None]) -> None:
        self._stream = stream
        self._close = close

    @property
    def active(self) -> bool:
        return bool(self._stream.active)

    @property
    def latency(self) -> float:
        return float(self._stream.latency)

    def close(self) -> None:
        self._close(self._stream)


@lru_cache
def portaudio() -> PortAudio:
    """Load PortAudio. Raises: RuntimeMissingError if it is not installed; DeviceError."""
    _hush_alsa()
    try:
        with _process():
            return PortAudio(_TURNS.call(_library))
    except (ImportError, OSError) as error:
        raise RuntimeMissingError(
            f"wanted the PortAudio library for sound devices, found none ({error}); install "
            "libportaudio2 (Debian, Ubuntu), portaudio (Fedora) or portaudio (brew)"
        ) from error


def _library() -> ModuleType:
    import sounddevice

    return cast(ModuleType, sounddevice)


@contextmanager
def _directed(device: Device, latency_s: float) -> Iterator[None]:
    """Tell the sound server's client library which device is meant, and how prompt to be."""
    if device.pulse is None and device.name not in ALSA_NAMES:
        yield
        return
    names = {"PULSE_LATENCY_MSEC": str(max(1, round(latency_s * 1000)))}
    if device.pulse is not None:
        names["PULSE_SOURCE" if device.role == "input" else "PULSE_SINK"] = device.pulse
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _process() -> Iterator[None]:
    """Have PortAudio, the environment and stderr to ourselves.

    PortAudio's chatter goes to stderr, where it would run through the terminal view.
    """
    with _TURNS.taken():
        if sys.platform != "linux":
            yield
            return
        sys.stderr.flush()
        kept = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


def _hush_alsa() -> None:
    """Keep ALSA from printing what it tries; its failures reach us as errors anyway."""
    name = ctypes.util.find_library("asound") if sys.platform == "linux" else None
    if name is not None:
        ctypes.CDLL(name).snd_lib_error_set_handler(_IGNORE)


def _reason(error: Exception) -> str:
    text = str(error.args[0]) if error.args else repr(error)
    return text.partition(": ")[2] or text
