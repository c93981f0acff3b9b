"""A key that is heard in whatever program has the focus, where the platform allows that: X11.

X11 hands over the one combination that is grabbed and no other key. Qt has nothing for it.
"""

from importlib.util import find_spec
from typing import Any

from PyQt6.QtCore import QCoreApplication, QObject, QSocketNotifier, QTimer, pyqtSignal
from PyQt6.QtGui import QGuiApplication

translate = QCoreApplication.translate  # by this name, so that pylupdate6 finds the words
KEYS = "Ctrl+Alt+Space"
REPEAT_MS = 40  # a key that is held comes as releases with a press at the same time


class GlobalKey(QObject):
    """Ctrl+Alt+Space, held and let go, while it is turned on."""

    pressed = pyqtSignal()
    released = pyqtSignal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._display: Any = None  # python-xlib has no types
        self._notifier: QSocketNotifier | None = None
        self._down = False
        self._let_go = QTimer(self)
        self._let_go.setSingleShot(True)
        self._let_go.setInterval(REPEAT_MS)
        self._let_go.timeout.connect(self._release)

    def turn(self, on: bool) -> str:
        """Listen for the key, or no more; return why that cannot be, in words."""
        self._close()
        if not on:
            return ""
        return why_not() or self._grab()

    def _grab(self) -> str:
        from Xlib import XK, X, display, error

        try:
            opened = display.Display()
        except error.DisplayError as failure:
            return translate("GlobalKey", "the display lets nobody in: {why}").format(why=failure)
        code = opened.keysym_to_keycode(XK.XK_space)
        refused = error.CatchError(error.BadAccess)
        for lock in (0, X.LockMask, X.Mod2Mask, X.LockMask | X.Mod2Mask):  # caps and numbers
            opened.screen().root.grab_key(
                code, X.ControlMask | X.Mod1Mask | lock, False, X.GrabModeAsync, X.GrabModeAsync,
                onerror=refused,
            )  # fmt: skip
        opened.sync()
        if refused.get_error() is not None:
            opened.close()
            return translate("GlobalKey", "another program has {keys}").format(keys=KEYS)
        self._display = opened
        self._notifier = QSocketNotifier(opened.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(lambda: self._hear())
        return ""

    def _hear(self) -> None:
        from Xlib import X

        for _ in range(self._display.pending_events()):
            kind = self._display.next_event().type
            if kind == X.KeyPress:
                self._let_go.stop()  # it was no release, the key repeats
                if not self._down:
                    self._down = True
                    self.pressed.emit()
            elif kind == X.KeyRelease:
                self._let_go.start()

    def _release(self) -> None:
        if self._down:
            self._down = False
            self.released.emit()

    def _close(self) -> None:
        if self._notifier is not None:
            self._notifier.setEnabled(False)
            self._notifier.deleteLater()
            self._display.close()
            self._notifier = self._display = None
        self._release()


def why_not() -> str:
    """Why no key can be heard in other programs on this platform; nothing if one can."""
    platform = QGuiApplication.platformName()
    if platform == "xcb":
        missing = translate("GlobalKey", "python-xlib is not installed")
        return "" if find_spec("Xlib") is not None else missing
    if platform.startswith("wayland"):
        return translate("GlobalKey", "Wayland gives keys to the program in front only")
    return translate("GlobalKey", "this system is not supported")
