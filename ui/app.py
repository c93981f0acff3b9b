"""Start the program: engine, window, event loop."""

import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
from PyQt6.QtCore import QLibraryInfo, QLocale, QSettings, QTimer, QTranslator
from PyQt6.QtWidgets import QApplication

from tap_live.errors import ConfigError, TapError
from tap_live.ui.display import require_display
from tap_live.ui.engine import Engine
from tap_live.ui.link import Link
from tap_live.ui.local import LocalEngine
from tap_live.ui.profiles import LAST, Profiles
from tap_live.ui.remote import RemoteEngine, events_url
from tap_live.ui.setup import Setup
from tap_live.ui.window import Window

_log = logging.getLogger(__name__)
TRANSLATIONS = Path(__file__).parent / "translations"


def run_panel(
    connect: str | None = None, token: str | None = None, profile: str | None = None
) -> int:
    """Show the panel until it is closed; return the exit code.

    Args:
        connect: address of an engine that serves; None runs one here.
        profile: one saved by name.
    Raises: ConfigError if the address or the profile cannot be; RuntimeMissingError if there is
        no display.
    """
    address = events_url(connect) if connect else None
    profiles = Profiles()
    setup, trouble = _begun_with(profiles, profile)
    require_display()
    app = QApplication(sys.argv[:1])
    app.setApplicationName("tap-live")
    app.setApplicationDisplayName("TAP Live")
    translators = install_translations(app)
    engine: Engine = RemoteEngine(address, token) if address else LocalEngine()
    window = open_window(engine, setup, profiles)
    if trouble:
        window.banner.say(trouble)
    window.show()
    sys.excepthook = _hook(window)
    if setup is None and not connect and not trouble:
        window.show_guide()
    _let_signals_through(app, window)
    code = app.exec()
    del translators
    return code


def open_window(
    engine: Engine, setup: Setup | None, profiles: Profiles, settings: QSettings | None = None
) -> Window:
    """Make the window for an engine, and begin to listen to it."""
    link = Link(engine, setup)
    window = Window(link, settings or own_settings(), profiles)
    window.restore()
    link.start()
    return window


def own_settings() -> QSettings:
    """Where the window's place is kept: a file beside the profiles."""
    path = platformdirs.user_config_path("tap-live") / "panel" / "window.ini"
    return QSettings(str(path), QSettings.Format.IniFormat)


def install_translations(app: QApplication) -> list[QTranslator]:
    """Speak the system's language, as far as there is a translation."""
    installed = []
    for name, folder in (
        ("qtbase", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)),
        ("tap-live", str(TRANSLATIONS)),
    ):
        translator = QTranslator(app)
        if translator.load(QLocale(), name, "_", folder):
            app.installTranslator(translator)
            installed.append(translator)
    return installed


def _begun_with(profiles: Profiles, name: str | None) -> tuple[Setup | None, str]:
    """The profile of a name, or as the panel was left, and what is wrong with that."""
    if name is None:
        try:
            return profiles.load(LAST), ""
        except TapError as error:
            return None, str(error)
    setup = profiles.load(name)
    if setup is None:
        there = ", ".join(profiles.names()) or "none"
        raise ConfigError(f"no profile {name!r} was saved in the panel, only {there}")
    return setup, ""


def _hook(window: Window) -> Callable[[type[BaseException], BaseException, Any], None]:
    """What is wrong with the panel itself is logged and said; the engine goes on."""

    def failed(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        _log.error("the panel failed", exc_info=(kind, error, trace))
        window.banner.say(f"the panel itself failed: {error}")

    return failed


def _let_signals_through(app: QApplication, window: Window) -> None:
    """Let Ctrl-C and SIGTERM close the window in order: Python hears them between two events."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: window.close())
    timer = QTimer(app)
    timer.timeout.connect(lambda: None)
    timer.start(200)
