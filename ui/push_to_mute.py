"""Mute for as long as a key is held, in the panel or in any program."""

from PyQt6.QtCore import QObject, Qt
from PyQt6.QtGui import QKeyEvent
from PyQt6.QtWidgets import QAbstractButton

from tap_live.ui.global_key import GlobalKey

_KEYS = (Qt.Key.Key_Space, Qt.Key.Key_Control)


class PushToMute(QObject):
    """Holds a mute button down; one that was down before stays down."""

    def __init__(self, mute: QAbstractButton, parent: QObject) -> None:
        super().__init__(parent)
        self._mute = mute
        self._held = False
        self.everywhere = GlobalKey(self)
        self.everywhere.pressed.connect(self.press)
        self.everywhere.released.connect(self.release)

    def press(self) -> None:
        if not self._mute.isChecked():
            self._held = True
            self._mute.setChecked(True)

    def release(self) -> None:
        if self._held:
            self._held = False
            self._mute.setChecked(False)

    def key(self, event: QKeyEvent | None, down: bool) -> bool:
        """Take Ctrl+Space of the panel's own window; return whether it was that."""
        if event is None or event.isAutoRepeat():
            return False
        if down:
            control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
            if event.key() == Qt.Key.Key_Space and bool(control):
                self.press()
                return True
        elif event.key() in _KEYS and self._held:
            self.release()
            return True
        return False
