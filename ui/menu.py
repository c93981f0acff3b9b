"""The menu: everything the panel does, by keyboard."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PyQt6.QtCore import QObject
from PyQt6.QtGui import QAction, QActionGroup, QKeySequence
from PyQt6.QtWidgets import QAbstractButton, QInputDialog, QMenu

from tap_live.errors import TapError
from tap_live.ui.colours import DARK, LIGHT, Theme
from tap_live.ui.global_key import KEYS, why_not

if TYPE_CHECKING:
    from tap_live.ui.window import Window


class Menu(QObject):
    """Fill a window's menu bar."""

    def __init__(self, window: "Window") -> None:
        super().__init__(window)
        self._window = window
        self.actions: list[QAction] = []
        for fill in (self._stream, self._targets, self._captions, self._view, self._help):
            fill()

    def _stream(self) -> None:
        window = self._window
        menu = self._menu(self.tr("&Stream"))
        transport = window.listen.transport
        self._add(menu, self.tr("&Start or stop"), "F5", transport.start_or_stop)
        self._toggle(menu, self.tr("&Mute"), "Ctrl+M", transport.mute)
        self.everywhere = self._everywhere(menu)
        self._toggle(menu, self.tr("&Record"), "Ctrl+Shift+R", transport.record)
        menu.addSeparator()
        self._profiles = menu.addMenu(self.tr("&Profiles"))
        assert self._profiles is not None
        self._profiles.aboutToShow.connect(self._list_profiles)
        menu.addSeparator()
        self._add(menu, self.tr("&Quit"), "Ctrl+Q", window.close)

    def _everywhere(self, menu: QMenu) -> QAction:
        """Mute in any program, or why that cannot be on this platform."""
        words, why = self.tr("Hold {keys} in any program to mute"), why_not()
        action = QAction(words.format(keys=KEYS) + (f" ({why})" if why else ""), self._window)
        action.setCheckable(True)
        action.setEnabled(not why)
        action.toggled.connect(self._window.push_everywhere)
        menu.addAction(action)
        self.actions.append(action)
        return action

    def _targets(self) -> None:
        window = self._window
        menu = self._menu(self.tr("&Targets"))
        self._add(menu, self.tr("&Add a target…"), "Ctrl+T", window.add_target)
        self._add(menu, self.tr("&Mark the newest sound"), "Ctrl+K", window.listen.mark)

    def _captions(self) -> None:
        captions = self._window.listen.captions
        menu = self._menu(self.tr("&Captions"))
        self._add(menu, self.tr("&Search"), "Ctrl+F", captions.search.setFocus)
        self._add(menu, self.tr("&Next match"), "F3", captions.find_next)
        self._add(menu, self.tr("&Previous match"), "Shift+F3", captions.find_previous)
        menu.addSeparator()
        self._add(menu, self.tr("&Copy"), "Ctrl+Shift+C", captions.copy)
        self._add(menu, self.tr("Sa&ve…"), "Ctrl+S", captions.save)
        self._add(menu, self.tr("&Forget all"), "", self._window.transcript.clear)
        menu.addSeparator()
        self._toggle(menu, self.tr("&Large type"), "Ctrl+L", captions.large)
        self._toggle(menu, self.tr("S&trip on top"), "Ctrl+D", captions.strip)

    def _view(self) -> None:
        window = self._window
        menu = self._menu(self.tr("&View"))
        for number, name in enumerate((self.tr("&Listen"), self.tr("&Voices"), self.tr("&Engine"))):
            self._add(menu, name, f"Ctrl+{number + 1}", _page(window, number))
        menu.addSeparator()
        self._themes = QActionGroup(self)
        for theme, words in ((DARK, self.tr("&Dark")), (LIGHT, self.tr("L&ight"))):
            action = self._add(menu, words, "", _dress(window, theme))
            action.setCheckable(True)
            action.setData(theme.name)
            self._themes.addAction(action)

    def show_theme(self, theme: Theme) -> None:
        """Tick the theme that is worn."""
        for action in self._themes.actions():
            action.setChecked(action.data() == theme.name)

    def _help(self) -> None:
        window = self._window
        menu = self._menu(self.tr("&Help"))
        self._add(menu, self.tr("&First steps…"), "F1", window.show_guide)

    def _list_profiles(self) -> None:
        window = self._window
        menu = self._profiles
        assert menu is not None
        menu.clear()
        for name in window.profiles.names():
            action = menu.addAction(name)
            assert action is not None
            action.triggered.connect(lambda _=False, name=name: window.use_profile(name))
        menu.addSeparator()
        save = menu.addAction(self.tr("&Save as…"))
        assert save is not None
        save.triggered.connect(self._save_profile)

    def _save_profile(self) -> None:
        window = self._window
        name, agreed = QInputDialog.getText(window, self.tr("Profile"), self.tr("Name:"))
        if agreed and name.strip():
            try:
                window.profiles.save(window.link.setup, name.strip())
            except TapError as error:
                window.banner.say(str(error))

    def _menu(self, name: str) -> QMenu:
        bar = self._window.menuBar()
        assert bar is not None
        menu = bar.addMenu(name)
        assert menu is not None
        return menu

    def _toggle(self, menu: QMenu, words: str, keys: str, control: QAbstractButton) -> None:
        """An entry that has a tick while a button is down, and presses it."""
        action = self._add(menu, words, keys, control.toggle)
        action.setCheckable(True)
        control.toggled.connect(action.setChecked)

    def _add(self, menu: QMenu, words: str, keys: str, do: Callable[[], object]) -> QAction:
        action = QAction(words, self._window)
        if keys:
            action.setShortcut(QKeySequence(keys))
        action.triggered.connect(lambda: do())
        menu.addAction(action)
        self.actions.append(action)
        return action


def _dress(window: "Window", theme: Theme) -> Callable[[], object]:
    return lambda: window.set_theme(theme)


def _page(window: "Window", number: int) -> Callable[[], object]:
    return lambda: window.show_page(number)
