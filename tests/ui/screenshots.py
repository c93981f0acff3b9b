"""The panel with the real engine on what a microphone hears; pictures of every page.

    python screenshots.py FOLDER SECONDS

Two voices of the demo are enrolled and asked for before it starts.
"""

import sys
import time
from pathlib import Path

from PyQt6.QtCore import QSettings
from PyQt6.QtWidgets import QApplication, QWidget

from tap_live.audio.files import read_audio
from tap_live.bundle import open_bundle
from tap_live.commands.demo import BUNDLE
from tap_live.ui.add_target import AddTarget
from tap_live.ui.app import open_window
from tap_live.ui.colours import DARK, LIGHT
from tap_live.ui.engine import Phase
from tap_live.ui.guide import Guide
from tap_live.ui.local import LocalEngine
from tap_live.ui.profiles import Profiles
from tap_live.ui.setup import Setup, TargetWish
from tap_live.ui.window import Window
from tap_live.voices.enrolment import Enroller
from tap_live.voices.store import VoiceStore

PAGES = ("listen", "voices", "engine")


def enrol() -> None:
    bundle, enroller = open_bundle(BUNDLE, "demo"), Enroller.open()
    for name in ("Maya", "Ben"):
        audio, rate = read_audio(bundle.path(f"{name.lower()}.ogg"), lambda warning: None)
        enrolment = enroller.enrol(name, audio, rate, source=f"{name}.ogg", day="2026-01-31")
        VoiceStore().save(enrolment.accepted())


def spin(app: QApplication, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        app.processEvents()
        time.sleep(0.005)


def shoot(app: QApplication, window: Window, folder: Path) -> None:
    for theme in (DARK, LIGHT):
        window.set_theme(theme)
        for number, name in enumerate(PAGES):
            window.show_page(number)
            spin(app, 1.5)
            window.grab().save(str(folder / f"{name}-{theme.name}.png"))
        window.show_page(0)
        dialogs: list[tuple[str, QWidget]] = [
            ("add", AddTarget(window.link, window)),
            ("guide", Guide(window.link, None, window)),
        ]
        for name, dialog in dialogs:
            dialog.show()
            spin(app, 0.5)
            dialog.grab().save(str(folder / f"{name}-{theme.name}.png"))
            dialog.close()
        window.listen.captions.strip.click()
        spin(app, 0.5)
        window.strip.grab().save(str(folder / f"strip-{theme.name}.png"))
        window.listen.captions.strip.click()


def main() -> None:
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
    enrol()
    app = QApplication([])
    targets = tuple(TargetWish(name=f"voice:{name}") for name in ("Maya", "Ben"))
    settings = QSettings(str(folder / "window.ini"), QSettings.Format.IniFormat)
    window = open_window(
        LocalEngine(), Setup(targets=targets, language="en"), Profiles(folder), settings
    )
    window.resize(1280, 860)
    window.show()
    spin(app, 0.5)
    window.listen.transport.start_or_stop()
    deadline = time.monotonic() + 120
    while window.link.phase is not Phase.RUNNING:
        assert time.monotonic() < deadline, window.banner.text
        spin(app, 0.2)
    (folder / "running").touch()  # the conversation may begin
    spin(app, seconds)
    shoot(app, window, folder)
    (folder / "captions.txt").write_text(window.transcript.text())
    (folder / "health.txt").write_text(str(window.health.verdict()))
    window.close()


if __name__ == "__main__":
    main()
