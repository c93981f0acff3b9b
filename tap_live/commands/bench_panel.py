"""The part of `tap-live bench` that measures the control panel: frames, and what they cost."""

import os
import subprocess
import sys
from importlib.util import find_spec

import msgspec

from tap_live.commands.bench_result import Result
from tap_live.commands.warning import warn
from tap_live.errors import RuntimeMissingError

FRAME_MS, SHARE = 1000 / 30, 0.15  # of one core
PATIENCE_S = 120.0  # to start and to end, on a machine that is busy
_MODULE = "tap_live.ui.measure"


class Drawn(msgspec.Struct, frozen=True):
    """What a process of its own found out."""

    platform: str
    frames: float  # a second
    share: float  # of a core


def measure_panel(seconds: float) -> list[Result]:
    """Draw a made-up stream in a process of its own; nothing where the panel is not installed.

    Raises: RuntimeMissingError if the panel does not start, does not end, or draws nothing.
    """
    if find_spec("PyQt6") is None or find_spec("pyqtgraph") is None:
        warn("PyQt6 and pyqtgraph are not installed: the panel is left out")
        return []
    words = [sys.executable, "-m", _MODULE, "--json", "--seconds", str(seconds)]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, env=_environment(), timeout=seconds + PATIENCE_S
        )
        drawn = msgspec.json.decode(done.stdout, type=Drawn)
    except subprocess.TimeoutExpired as error:
        raise RuntimeMissingError(
            f"the panel was to draw for {seconds:g} s and had not ended after "
            f"{error.timeout:g} s: does the display answer? see docs/panel.md"
        ) from error
    except msgspec.DecodeError as error:
        why = (done.stderr.strip().splitlines() or ["nothing said why"])[-1]
        raise RuntimeMissingError(f"the panel did not start: {why}; see docs/panel.md") from error
    if drawn.frames <= 0:
        raise RuntimeMissingError(
            f"wanted frames of the panel, found none in {seconds:g} s ({drawn.platform}): does "
            "the display answer, and is the machine free? see docs/panel.md"
        )
    return [
        Result(f"panel ({drawn.platform}), ms a frame", 1000 / drawn.frames, FRAME_MS),
        Result("  share of a core", drawn.share, SHARE),
    ]


def _environment() -> dict[str, str]:
    """Without a display, draw into memory."""
    shown = sys.platform != "linux" or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys()
    return dict(os.environ) if shown else os.environ | {"QT_QPA_PLATFORM": "offscreen"}
