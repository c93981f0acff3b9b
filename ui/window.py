"""The window: pages, banner, health line; gives every event to those who draw it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QSettings, Qt, QTimer
from PyQt6.QtGui import QCloseEvent, QKeyEvent
from PyQt6.QtWidgets import (
    QButtonGroup,
    QDialog,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from tap_live import bundles
from tap_live.errors import TapError
from tap_live.events import (
    AnyEvent,
    Bye,
    Caption,
    Device,
    Failed,
    Hello,
    Level,
    ListDevices,
    Spectrum,
    Start,
    Target,
    Warned,
)
from tap_live.ui import theme as themes
from tap_live.ui.add_target import AddTarget
from tap_live.ui.background import Background
from tap_live.ui.banner import Banner
from tap_live.ui.caption_strip import CaptionStrip
from tap_live.ui.colours import THEMES, Theme
from tap_live.ui.engine import Phase
from tap_live.ui.engine_page import EnginePage
from tap_live.ui.guide import Guide
from tap_live.ui.health import HealthWatch
from tap_live.ui.health_line import HealthLine
from tap_live.ui.level_meter import LevelMeter
from tap_live.ui.link import Link
from tap_live.ui.listen_page import ListenPage
from tap_live.ui.local import LocalEngine
from tap_live.ui.menu import Menu
from tap_live.ui.playback import play, read_moment
from tap_live.ui.profiles import Profiles
from tap_live.ui.remote import RemoteEngine
from tap_live.ui.setup import DEFAULT_OUTPUT, NO_OUTPUT
from tap_live.ui.transcript import Line, Transcript
from tap_live.ui.voices_page import VoicesPage

DEMO = Path(bundles.__file__).parent / "demo" / "conversation.ogg"
_PUSH_KEYS = (Qt.Key.Key_Space, Qt.Key.Key_Control)
DEVICES_MS = 3000  # between two looks for devices
_NO_DEVICE = (NO_OUTPUT, DEFAULT_OUTPUT, "virtual-mic")


class Window(QMainWindow):
    """The control panel.

    Args:
        settings: where the window's place and theme are kept.
        profiles: where setups are kept.
    """

    def __init__(self, link: Link, settings: QSettings, profiles: Profiles) -> None:
        super().__init__()
        self.link, self.settings, self.profiles = link, settings, profiles
        link.setParent(self)
        self.transcript = Transcript(time.monotonic)
        self.health = HealthWatch()
        self._level: Level | None = None
        self._closed = False
        self._pushed = False  # whether it is muted for as long as a key is held
        self.banner = Banner()
        self.health_line = HealthLine()
        self.listen = ListenPage(link, self.transcript, DEMO)
        self.pages = QStackedWidget()
        self._rail = QVBoxLayout()
        self._page_buttons = QButtonGroup(self)
        self.voices, self.engine = VoicesPage(link), EnginePage(link)
        self.strip = CaptionStrip(self.transcript, self.listen.captions.view)
        self.add_page(self.tr("Listen"), self.listen)
        self.add_page(self.tr("Voices"), self.voices)
        self.add_page(self.tr("Engine"), self.engine)
        self._lay_out()
        self.setWindowTitle("TAP Live")
        self.resize(1200, 800)
        self.setMinimumSize(860, 600)
        link.heard.connect(self._hear)
        link.frame.connect(self._draw)
        link.phase_changed.connect(self._show_phase)
        link.trouble.connect(self.banner.say)
        self.listen.captions.trouble.connect(self.banner.say)
        self.listen.captions.told.connect(lambda text: self.banner.say(text, "good"))
        self.listen.captions.view.chosen.connect(self._play)
        self.listen.captions.strip_wanted.connect(self._show_strip)
        self.strip.closed.connect(lambda: self.listen.captions.strip.setChecked(False))
        self.listen.targets.add_wanted.connect(self.add_target)
        self._player = Background(self)
        self._player.failed.connect(self.banner.say)
        self.menu = Menu(self)
        self._devices = QTimer(self)
        self._devices.setInterval(DEVICES_MS)
        self._devices.timeout.connect(self._look_for_devices)
        self._devices.start()
        self.theme = THEMES.get(str(settings.value("theme", ""))) or themes.of_the_system()
        self.set_theme(self.theme)
        self._show_where()
        self.listen.transport.begin.setFocus()

    def add_page(self, name: str, page: QWidget) -> None:
        """Put a page behind a button at the left."""
        number = self.pages.addWidget(page)
        button = QToolButton()
        button.setObjectName("page")
        button.setText(name)
        button.setAccessibleName(self.tr("Page {name}").format(name=name))
        button.setToolTip(f"{name} (Ctrl+{number + 1})")
        button.setCheckable(True)
        button.setMinimumWidth(96)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        button.clicked.connect(lambda: self.show_page(number))
        self._page_buttons.addButton(button, number)
        self._rail.insertWidget(number, button)

    def show_page(self, number: int) -> None:
        self.pages.setCurrentIndex(number)
        page = self.pages.widget(number)
        if isinstance(page, (VoicesPage, EnginePage)):
            page.refresh()
        chosen = self._page_buttons.button(number)
        if chosen is not None:
            chosen.setChecked(True)

    def set_theme(self, theme: Theme) -> None:
        """Dress everything, and remember it."""
        self.theme = theme
        themes.apply(theme)
        self.listen.set_theme(theme)
        self.strip.set_theme(theme)
        for meter in self.findChildren(LevelMeter):
            meter.set_theme(theme)
        self.settings.setValue("theme", theme.name)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Keep what was set, and end the engine: what it captured is kept."""
        if self._closed:
            return
        self._closed = True
        self.settings.setValue("geometry", self.saveGeometry())
        self.settings.setValue("window", self.saveState())
        try:
            self.profiles.save(self.link.own)
        except TapError as error:
            self.banner.say(str(error))
        self.hide()
        self.strip.deleteLater()
        self.link.stop()
        self._devices.stop()
        self.link.engine.close()
        self._player.wait()
        super().closeEvent(event)

    def restore(self) -> None:
        """Be where the window was left."""
        geometry = self.settings.value("geometry")
        if geometry is not None:
            self.restoreGeometry(geometry)

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        """Hold Ctrl+Space to mute."""
        if a0 is not None and _is_push_to_mute(a0) and not a0.isAutoRepeat():
            self._pushed = not self.link.setup.muted
            if self._pushed:
                self.listen.transport.mute.setChecked(True)
            return
        super().keyPressEvent(a0)

    def keyReleaseEvent(self, a0: QKeyEvent | None) -> None:
        if a0 is not None and a0.key() in _PUSH_KEYS and not a0.isAutoRepeat() and self._pushed:
            self._pushed = False
            self.listen.transport.mute.setChecked(False)
            return
        super().keyReleaseEvent(a0)

    def add_target(self) -> None:
        _open(AddTarget(self.link, self))

    def show_guide(self) -> None:
        _open(Guide(self.link, DEMO, self))

    def use_profile(self, name: str) -> None:
        """Be as a profile says, from now on. The stream, if one runs, begins anew."""
        try:
            setup = self.profiles.load(name)
        except TapError as error:
            self.banner.say(str(error))
            return
        if setup is not None:
            self.link.use_setup(setup)

    def use_here(self) -> None:
        """Go on with an engine on this computer."""
        old = self.link.engine
        self.link.use(LocalEngine())
        old.close()
        self._show_where()

    def _hear(self, event: AnyEvent) -> None:
        self.health.take(event)
        match event:
            case Spectrum() | Target():
                self.listen.pictures.take(event)
            case Level():
                self._level = event
            case Caption():
                self.transcript.take(event)
                self.listen.pictures.take(event)
            case Hello(rate=rate):
                self.listen.pictures.restart(rate)
                if self.link.phase is not Phase.PREVIEW:
                    self.transcript.begin()
            case Bye():
                self._end()
            case Failed(code="engine-ended", text=text):
                again = (self.tr("Start again"), self._start)
                self.banner.say(self.tr("The engine stopped. {why}").format(why=text), "bad", again)
            case Failed(code="engine-lost", text=text):
                self._say_lost(text)
            case Failed(text=text):
                self.banner.say(text)
            case Warned(text=text):
                self.banner.say(text, "watch")
            case Device(change="lost", text=text):
                self.banner.say(text, "watch")
            case Device(change="returned", text=text):
                self.banner.say(text, "good")

    def _end(self) -> None:
        """A stream is over."""
        self._level = None
        self.health.end()
        self.transcript.end()
        self.listen.targets.clear_presence()

    def _draw(self) -> None:
        """Once a frame, after all events of the moment."""
        if self.isMinimized():
            return
        self.listen.show_level(self._level)
        self.listen.pictures.draw()
        self.listen.captions.view.draw()
        self.strip.draw()
        self.health_line.show_health(self.health.verdict())

    def _start(self) -> None:
        self.link.send(Start(id=self.link.new_id()))

    def _show_phase(self, phase: Phase) -> None:
        if phase in (Phase.STOPPED, Phase.LOST):
            self._end()
        self._show_where()

    def _show_where(self) -> None:
        self.health_line.where.setText(
            self.tr("engine: {where}").format(where=self.link.engine.where)
        )

    def _say_lost(self, text: str) -> None:
        """The engine elsewhere is gone: it is looked for, and can be done without."""
        engine = self.link.engine
        acts: list[tuple[str, Callable[[], object]]] = []
        if isinstance(engine, RemoteEngine):
            acts.append((self.tr("Try now"), engine.retry))
        acts.append((self.tr("Use this computer"), self.use_here))
        kept = self.tr("What it recorded is kept there. It is looked for again and again.")
        self.banner.say(f"{text}. {kept}", "bad", *acts)

    def _play(self, line: object) -> None:
        """A caption was clicked: let that moment be heard again."""
        recording, setup = self.link.recording, self.link.setup
        if not isinstance(line, Line) or self._player.busy:
            return
        if recording is None or line.stream != self.transcript.stream:
            self.banner.say(self.tr("Record, and a click on a caption plays its moment."), "watch")
            return
        if self.link.engine.remote:
            self.banner.say(self.tr("The recording is on the engine's machine."), "watch")
            return
        folder, begin = Path(recording["folder"]), float(recording.get("begin", 0.0))
        start, stop = line.cue.start - begin, line.cue.end - begin
        device = None if setup.output in _NO_DEVICE else setup.output
        self._player.run(lambda: play(*read_moment(folder, start, stop), device))

    def _show_strip(self, on: bool) -> None:
        self.strip.setVisible(on)
        self.strip.draw()

    def _look_for_devices(self) -> None:
        """Follow devices that come and go, while somebody can see it."""
        if self.isVisible() and self.pages.currentWidget() is self.listen:
            link = self.link
            if not link.engine.remote:
                link.send(ListDevices(id=link.new_id()), self._show_devices, lambda why: None)

    def _show_devices(self, devices: list[dict[str, Any]]) -> None:
        self.listen.input.show_devices(devices)
        self.listen.output.show_devices(devices)

    def _lay_out(self) -> None:
        self._rail.addStretch()
        self._rail.setContentsMargins(8, 12, 0, 12)
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        over = QVBoxLayout()
        over.setContentsMargins(12, 10, 12, 0)
        over.addWidget(self.banner)
        right.addLayout(over)
        right.addWidget(self.pages, 1)
        across = QHBoxLayout()
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(0)
        across.addLayout(self._rail)
        across.addLayout(right, 1)
        whole = QVBoxLayout()
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(across, 1)
        whole.addWidget(self.health_line)
        centre = QWidget()
        centre.setLayout(whole)
        self.setCentralWidget(centre)
        self.show_page(0)


def _open(dialog: QDialog) -> None:
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()


def _is_push_to_mute(event: QKeyEvent) -> bool:
    held = event.modifiers() & Qt.KeyboardModifier.ControlModifier
    return event.key() == Qt.Key.Key_Space and bool(held)
