"""Whether there is a screen to show a window on: Qt itself ends the program where there is none.

Only what Qt's platforms for X and for Wayland need is looked at; another that is asked for by
name needs no more than to be installed, and other systems always have a screen.
"""

import ctypes
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from PyQt6.QtCore import QLibraryInfo

from tap_live.errors import RuntimeMissingError

PLATFORMS = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath)) / "platforms"
_INSTEAD = "start it on a desktop, through `ssh -X`, or go without it: `tap-live run --caption`"


def require_display(environment: Mapping[str, str] = os.environ) -> None:
    """Return if a window can be shown.

    Raises: RuntimeMissingError if not: what is missing, and what to do.
    """
    if not sys.platform.startswith("linux"):
        return
    whys = [_why_not(name, environment) for name in _wanted(environment)]
    if whys and all(whys):
        found = "; ".join(dict.fromkeys(whys))
        raise RuntimeMissingError(f"wanted a display for the panel, found {found}; {_INSTEAD}")


def _wanted(environment: Mapping[str, str]) -> list[str]:
    """The platforms that Qt would try; the first that works is taken."""
    asked = environment.get("QT_QPA_PLATFORM", "")
    names = [name.partition(":")[0].strip() for name in asked.split(";")]
    if any(names):
        return [name for name in names if name]
    return [
        name
        for name, variable in (("wayland", "WAYLAND_DISPLAY"), ("xcb", "DISPLAY"))
        if environment.get(variable)
    ] or ["xcb"]


def _why_not(name: str, environment: Mapping[str, str]) -> str:
    """What keeps a platform from showing anything; nothing if it can."""
    plugin = PLATFORMS / f"libq{name}.so"
    if not plugin.exists():
        return f"that Qt has no platform {name!r} (QT_QPA_PLATFORM)"
    if name == "xcb":
        return _library(plugin) or _x_server(environment)
    if name.startswith("wayland"):
        return _library(plugin) or _wayland(environment)
    return ""


def _library(plugin: Path) -> str:
    try:
        ctypes.CDLL(str(plugin))
    except OSError as error:
        return f"that {error} (docs/panel.md names what Qt wants installed)"
    return ""


def _x_server(environment: Mapping[str, str]) -> str:
    name = environment.get("DISPLAY")
    if not name:
        return "neither DISPLAY nor WAYLAND_DISPLAY set"
    xcb = ctypes.CDLL("libxcb.so.1")  # which the plugin has loaded
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(name.encode(), None))
    failed = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    return f"that DISPLAY={name} does not let it in" if failed else ""


def _wayland(environment: Mapping[str, str]) -> str:
    name = environment.get("WAYLAND_DISPLAY") or "wayland-0"
    path = Path(environment.get("XDG_RUNTIME_DIR", "")) / name
    try:
        with closing(socket.socket(socket.AF_UNIX)) as server:
            server.connect(str(path))
    except OSError as error:
        return f"that WAYLAND_DISPLAY={name} does not answer ({error.strerror or error})"
    return ""
