"""Say on stdout when the key that is heard everywhere goes down and up, for a test with xdotool."""

import sys

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication

from tap_live.ui.global_key import GlobalKey

app = QApplication(sys.argv)
key = GlobalKey()
key.pressed.connect(lambda: print("down", flush=True))
key.released.connect(lambda: print("up", flush=True))
print(key.turn(True) or "listening", flush=True)
QTimer.singleShot(60_000, app.quit)
app.exec()
