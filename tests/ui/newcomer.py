"""The panel as a newcomer starts it, and a report of where its buttons are, for xdotool.

python newcomer.py REPORT.json
"""

import json
import sys
from pathlib import Path

from PyQt6.QtCore import QPoint, QTimer
from PyQt6.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit

from tap_live.ui import app as panel
from tap_live.ui.window import Window

report = Path(sys.argv[1])
shown = []


def note() -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    front = app.activeModalWidget() or shown[0]
    places = {}
    for control in front.findChildren((QAbstractButton, QLineEdit)):
        if control.isVisible() and control.isEnabled():
            centre = control.mapToGlobal(QPoint(control.width() // 2, control.height() // 2))
            places[control.accessibleName()] = [centre.x(), centre.y()]
    window = shown[0]
    focus = app.focusWidget()
    seen = {
        "places": places,
        "focus": focus.accessibleName() if focus else "",
        "phase": window.link.phase.value,
        "captions": window.listen.captions.view.toPlainText(),
        "banner": window.banner.text,
        "labels": [label.text() for label in front.findChildren(QLabel) if label.isVisible()],
    }
    part = report.with_suffix(".part")
    part.write_text(json.dumps(seen))
    part.replace(report)


def opened(*arguments: object) -> Window:
    window = open_window(*arguments)
    shown.append(window)
    timer = QTimer(window)
    timer.timeout.connect(note)
    timer.start(100)
    return window


open_window = panel.open_window
panel.open_window = opened
sys.exit(panel.run_panel())
