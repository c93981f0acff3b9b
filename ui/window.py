"""The window: its pages, what stands around them, and how it is left."""

import time
from pathlib import Path

from PyQt6.QtCore import QSettings, Qt
from PyQt6.QtGui import QCloseEvent, QKeyEvent, QResizeEvent, QShowEvent
from PyQt6.QtWidgets import (
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
from tap_live.ui import theme as themes
from tap_live.ui.add_target import AddTarget
from tap_live.ui.banner import Banner
from tap_live.ui.caption_strip import CaptionStrip
from tap_live.ui.colours import THEMES, Theme
from tap_live.ui.device_watch import DeviceWatch
from tap_live.ui.director import Director
from tap_live.ui.engine_page import EnginePage
from tap_live.ui.guide import Guide
from tap_live.ui.health_line import HealthLine
from tap_live.ui.level_meter import LevelMeter
from tap_live.ui.link import Link
from tap_live.ui.listen_page import ListenPage
from tap_live.ui.menu import Menu
from tap_live.ui.moments import Moments
from tap_live.ui.profiles import Profiles
from tap_live.ui.push_to_mute import PushToMute
from tap_live.ui.transcript import Transcript
from tap_live.ui.voices_page import VoicesPage

DEMO = Path(bundles.__file__).parent / "demo" / "conversation.ogg"


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
        self._closed = False
        self.banner = Banner(self)
        self.health_line = HealthLine()
        self.listen = ListenPage(link, self.transcript, DEMO)
        self.pages = QStackedWidget()
        self._rail = QVBoxLayout()
        self._page_buttons: list[QToolButton] = []  # no group: each is reached with Tab
        self.voices, self.engine = VoicesPage(link), EnginePage(link)
        self.strip = CaptionStrip(self.transcript, self.listen.captions.view)
        self.add_page(self.tr("Listen"), self.listen)
        self.add_page(self.tr("Voices"), self.voices)
        self.add_page(self.tr("Engine"), self.engine)
        self._lay_out()
        self.setWindowTitle("TAP Live")
        self.resize(1200, 800)
        self.setMinimumSize(1000, 720)
        self.director = Director(link, self)
        self.health = self.director.health
        self.moments = Moments(link, self.transcript, self)
        self.moments.told.connect(self.banner.say)
        self.devices = DeviceWatch(link, self.listen)
        link.trouble.connect(self.banner.say)
        self.listen.captions.trouble.connect(self.banner.say)
        self.listen.captions.told.connect(lambda text: self.banner.say(text, "good"))
        self.listen.captions.view.chosen.connect(self.moments.play)
        self.listen.captions.strip_wanted.connect(self._show_strip)
        self.strip.closed.connect(lambda: self.listen.captions.strip.setChecked(False))
        self.listen.targets.add_wanted.connect(self.add_target)
        self.push = PushToMute(self.listen.transport.mute, self)
        self.menu = Menu(self)
        self.theme = THEMES.get(str(settings.value("theme", ""))) or themes.of_the_system()
        self.set_theme(self.theme)
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
        self._page_buttons.append(button)
        self._rail.insertWidget(number, button)

    def show_page(self, number: int) -> None:
        self.pages.setCurrentIndex(number)
        page = self.pages.widget(number)
        if isinstance(page, (VoicesPage, EnginePage)):
            page.refresh()
        for button in self._page_buttons:
            button.setChecked(button is self._page_buttons[number])

    def set_theme(self, theme: Theme) -> None:
        """Dress everything, and remember it."""
        self.theme = theme
        themes.apply(theme)
        self.listen.set_theme(theme)
        self.strip.set_theme(theme)
        for meter in self.findChildren(LevelMeter):
            meter.set_theme(theme)
        self.menu.show_theme(theme)
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
        self.push.everywhere.turn(False)
        self.strip.deleteLater()
        self.link.stop()
        self.devices.stop()
        self.link.engine.close()
        self.moments.wait()
        super().closeEvent(event)

    def restore(self) -> None:
        """Be where the window was left."""
        geometry = self.settings.value("geometry")
        if geometry is not None:
            self.restoreGeometry(geometry)
        if self.settings.value("push-everywhere", False, bool) and self.menu.everywhere.isEnabled():
            self.menu.everywhere.setChecked(True)

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        super().resizeEvent(a0)
        self._place_banner()

    def showEvent(self, a0: QShowEvent | None) -> None:
        super().showEvent(a0)
        self._place_banner()

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        if not self.push.key(a0, down=True):
            super().keyPressEvent(a0)

    def keyReleaseEvent(self, a0: QKeyEvent | None) -> None:
        if not self.push.key(a0, down=False):
            super().keyReleaseEvent(a0)

    def push_everywhere(self, on: bool) -> None:
        """Hear the key for muting in other programs too, or no more; it is remembered."""
        why = self.push.everywhere.turn(on)
        self.settings.setValue("push-everywhere", on and not why)
        if why:
            self.banner.say(self.tr("Push to mute everywhere: {why}.").format(why=why), "watch")
            self.menu.everywhere.setChecked(False)

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

    def _place_banner(self) -> None:
        """Let what is said begin where the menus end."""
        bar = self.menuBar()
        assert bar is not None
        menus = bar.actions()
        self.banner.place(bar.actionGeometry(menus[-1]).right() + 12 if menus else 0)

    def _show_strip(self, on: bool) -> None:
        self.strip.setVisible(on)
        self.strip.draw()

    def _lay_out(self) -> None:
        self._rail.addStretch()
        self._rail.setContentsMargins(8, 12, 0, 12)
        right = QVBoxLayout()
        right.setContentsMargins(0, 10, 0, 0)  # so that two lines of the banner cover no control
        right.setSpacing(0)
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
