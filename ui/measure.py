"""How many frames a second the main view draws, and what share of a core that costs.

    python -m tap_live.ui.measure --seconds 20

A made-up stream says what a real one says: 30 spectra a second of each of two streams, ten
levels, five partials, a final every three seconds. Nothing else runs in the process.
"""

import argparse
import json
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Literal

import numpy as np
from PyQt6.QtCore import QEventLoop, QSettings, QTimer
from PyQt6.QtWidgets import QApplication

from tap_live.events import (
    AnyCommand,
    AnyEvent,
    Caption,
    Hello,
    Level,
    Loudness,
    Ok,
    Spectrum,
    StageStats,
    Stats,
    Target,
    Word,
)
from tap_live.ui.app import open_window
from tap_live.ui.engine import Phase
from tap_live.ui.profiles import Profiles
from tap_live.ui.setup import Setup, TargetWish
from tap_live.ui.window import Window

RATE = 48_000
SETTLE_S = 2.0  # before it is measured
_NAMES = ("voice:ana", "voice:ben", "text:a dog barking")


class MadeUpEngine:
    """Says what a stream of this moment would have said by now."""

    where, remote, phase = "made up", False, Phase.RUNNING

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)
        self._began = time.monotonic()
        self._ticks = 0
        self._waiting: deque[AnyEvent] = deque()
        self._waiting.append(
            Hello(version="", rate=RATE, bundles=(), capabilities=("captions",), role="controller")
        )

    def send(self, command: AnyCommand) -> None:
        self._waiting.append(Ok(id=command.id, result=[]))

    def poll(self) -> list[AnyEvent]:
        now = int((time.monotonic() - self._began) * 30)
        for tick in range(self._ticks, now):
            self._tick(tick)
        self._ticks = max(self._ticks, now)
        events = list(self._waiting)
        self._waiting.clear()
        return events

    def close(self) -> None:
        self._waiting.clear()

    def _tick(self, tick: int) -> None:
        at, say = tick / 30, self._waiting.append
        for stream in ("mixture", "output"):
            bands = self._rng.integers(60, 220, 64, np.uint8).tobytes()
            say(Spectrum(stream=stream, position=int(at * RATE), bands=bands))
        if tick % 3 == 0:
            loud = Loudness(float(self._rng.uniform(-40, -20)), float(self._rng.uniform(-20, -8)))
            say(Level(mixture=loud, output=loud))
        if tick % 6 == 0:
            final = tick % 90 == 84
            words = tuple(
                Word(f" word{n}" + ("." if n == 7 else ""), at + n * 0.3, at + n * 0.3 + 0.3, 0.9)
                for n in range(tick % 90 // 12 + 1)
            )
            state: Literal["partial", "final"] = "final" if final else "partial"
            say(
                Caption(
                    id=tick // 90,
                    revision=tick,
                    state=state,
                    start=at,
                    end=at + 2.4,
                    words=words,
                    speaker=("ana", "ben")[tick // 90 % 2],
                )
            )
        if tick % 30 == 0:
            stage = StageStats(0.02, 0.003, 0.2)
            say(Stats(stages={"extraction": stage}, backlog=0.2, lost=0, overload=0.0, at=at))
            say(Target(name=_NAMES[0], present=tick % 60 == 0, level=-20.0, at=at))


def measure(window: Window, seconds: float) -> tuple[float, float]:
    """Return frames a second, and the share of a core of this process."""
    frames = 0

    def count() -> None:
        nonlocal frames
        frames += 1

    window.link.frame.connect(count)
    _run(SETTLE_S)
    frames, used, began = 0, time.process_time(), time.monotonic()
    _run(seconds)
    passed = time.monotonic() - began
    return frames / passed, (time.process_time() - used) / passed


def _run(seconds: float) -> None:
    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--size", default="1280x860", help="of the window")
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    app = QApplication([])
    setup = Setup(targets=tuple(TargetWish(name=name) for name in _NAMES))
    with tempfile.TemporaryDirectory() as folder:
        settings = QSettings(f"{folder}/window.ini", QSettings.Format.IniFormat)
        window = open_window(MadeUpEngine(), setup, Profiles(Path(folder)), settings)
        width, height = map(int, wanted.size.split("x"))
        window.resize(width, height)
        window.show()
        fps, share = measure(window, wanted.seconds)
        platform = app.platformName()
        if wanted.json:
            print(json.dumps({"platform": platform, "frames": fps, "share": share}))
        else:
            print(f"{platform}: {fps:.1f} frames a second, {share:.3f} of one core")
        window.close()


if __name__ == "__main__":
    main()
