import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest
from PyQt6.QtCore import QTranslator
from PyQt6.QtWidgets import QAbstractButton, QApplication, QLabel

import tap_live.ui
from tap_live.ui.app import TRANSLATIONS

FOLDER = Path(tap_live.ui.__file__).parent
PYLUPDATE = Path(sys.executable).parent / "pylupdate6"


def strings(path):
    return {
        (context.findtext("name"), message.findtext("source"))
        for context in xml.parse(path).iter("context")
        for message in context.iter("message")
    }


def test_the_strings_for_translators_are_those_of_the_code(tmp_path):
    """In `ui`: pylupdate6 --no-obsolete --ts translations/tap-live.ts *.py makes them anew."""
    program = PYLUPDATE if PYLUPDATE.exists() else shutil.which("pylupdate6")
    if program is None:
        pytest.skip("pylupdate6 is not here")
    fresh = tmp_path / "fresh.ts"
    files = sorted(FOLDER.glob("*.py"))
    subprocess.run([program, "--ts", fresh, *files], check=True, capture_output=True)
    assert strings(TRANSLATIONS / "tap-live.ts") == strings(fresh)


class Marked(QTranslator):
    """Puts every string that can be translated in brackets."""

    def translate(self, context, text, disambiguation=None, n=-1):
        return f"⟦{text}⟧"


def test_no_word_of_the_window_escapes_the_translator(open_panel, engine):
    app, marked = QApplication.instance(), Marked()
    app.installTranslator(marked)
    try:
        window = open_panel(engine)
        window.link.poll()
        words = [w.text() for w in window.findChildren((QAbstractButton, QLabel))]
        words += [action.text() for action in window.menu.actions]
        plain = [w for w in words if any(letter.isalpha() for letter in w) and "⟦" not in w]
        window.close()
    finally:
        app.removeTranslator(marked)
    assert set(plain) <= {"", *[w for w in plain if w.endswith("dB")]}
