"""`--device` and `--strict`: where networks are to run, and where they do."""

from collections.abc import Mapping

from rich.console import Console

from tap_live.providers import Device, Where


def where_of(device: Device | None, strict: bool) -> Where:
    """Read the options; nothing given is `auto`."""
    return Where(device or "auto", strict)


def say_devices(asked: Device | None, devices: Mapping[str, str]) -> None:
    """Say on stderr where each network runs, if that was asked for or is not the CPU."""
    if devices and (asked is not None or set(devices.values()) != {"cpu"}):
        told = ", ".join(f"{name} on {device}" for name, device in devices.items())
        Console(stderr=True).print(f"running: {told}", soft_wrap=True, markup=False)
