"""Put a theme's colours on the application: palette and style sheet."""

from dataclasses import asdict
from pathlib import Path

from PyQt6.QtGui import QColor, QGuiApplication, QPalette
from PyQt6.QtWidgets import QApplication, QStyleFactory

from tap_live.ui.colours import DARK, LIGHT, THEMES, Theme

MARKS = Path(__file__).parent / "marks"
_SHEET = """
QWidget {{ color: {text}; }}
QMainWindow, QDialog {{ background: {ground}; }}
QDialog {{ border: 1px solid {line}; }}
QFrame#box {{ background: {panel}; border: 1px solid {line}; border-radius: 8px; }}
QLabel#title {{ font-weight: 600; }}
QLabel#heading {{ font-size: 20px; font-weight: 600; }}
QLabel[soft="true"] {{ color: {muted}; }}
QLabel[grade="good"] {{ color: {good}; }}
QLabel[grade="watch"] {{ color: {watch}; font-weight: 600; }}
QLabel[grade="bad"] {{ color: {bad}; font-weight: 600; }}
QPushButton, QToolButton {{
  background: {field}; border: 1px solid {line}; border-radius: 6px; padding: 5px 12px;
}}
QPushButton:hover, QToolButton:hover {{ border-color: {accent}; }}
QPushButton:focus, QToolButton:focus, QComboBox:focus, QLineEdit:focus, QSpinBox:focus,
QPlainTextEdit:focus, QListView:focus, QTableWidget:focus, QTextBrowser:focus {{
  border: 2px solid {accent};
}}
QPushButton:focus, QToolButton:focus {{ padding: 4px 11px; }}
QPushButton:checked, QToolButton:checked {{
  background: {accent}; color: {on_accent}; border-color: {accent};
}}
QPushButton:disabled, QToolButton:disabled, QComboBox:disabled, QCheckBox:disabled {{
  color: {muted}; background: {panel};
}}
QPushButton[main="true"] {{
  background: {accent}; color: {on_accent}; border-color: {accent}; font-weight: 600;
}}
QPushButton[main="true"]:disabled {{ background: {field}; color: {muted}; border-color: {line}; }}
QPushButton[danger="true"] {{ color: {bad}; }}
QPushButton#start {{ font-size: 16px; padding: 9px 26px; }}
QPushButton#start[running="true"] {{
  background: {field}; color: {text}; border: 2px solid {accent};
}}
QPushButton#record[live="true"]:checked {{
  background: {bad}; color: {on_accent}; border-color: {bad};
}}
QPushButton#mute:checked {{ background: {watch}; color: {on_accent}; border-color: {watch}; }}
QFrame#target {{ background: {ground}; border: 1px solid transparent; border-radius: 6px; }}
QToolButton#page {{
  background: transparent; border: 1px solid transparent; text-align: left; padding: 9px 14px;
}}
QToolButton#page:hover {{ background: {field}; }}
QToolButton#page:checked {{ background: {field}; color: {text}; border-left: 3px solid {accent}; }}
QToolButton#page:focus {{ border: 2px solid {accent}; padding: 8px 13px; }}
QComboBox, QLineEdit, QSpinBox, QDoubleSpinBox {{
  background: {field}; border: 1px solid {line}; border-radius: 6px; padding: 5px 8px;
  selection-background-color: {accent}; selection-color: {on_accent};
}}
QLineEdit, QPlainTextEdit {{ placeholder-text-color: {muted}; }}
QComboBox::drop-down {{ border: none; width: 24px; }}
QComboBox::down-arrow {{
  width: 0; height: 0; margin-right: 8px;
  border-left: 4px solid {field}; border-right: 4px solid {field}; border-top: 6px solid {text};
}}
QCheckBox {{ spacing: 7px; }}
QCheckBox::indicator, QRadioButton::indicator {{
  width: 15px; height: 15px; border: 1px solid {muted}; background: {field};
}}
QCheckBox::indicator {{ border-radius: 4px; }}
QRadioButton::indicator {{ border-radius: 8px; }}
QCheckBox::indicator:checked {{
  border-color: {accent}; background: {accent}; image: url("{marks}/check-{name}.svg");
}}
QRadioButton::indicator:checked {{
  width: 7px; height: 7px; border: 5px solid {accent}; background: {on_accent};
}}
QCheckBox:focus, QRadioButton:focus {{ color: {accent}; }}
QSlider {{ min-height: 22px; }}
QSlider::groove:horizontal {{ height: 6px; background: {line}; border-radius: 3px; }}
QSlider::sub-page:horizontal {{ height: 6px; background: {accent}; border-radius: 3px; }}
QSlider::handle:horizontal {{
  width: 12px; margin: -5px 0; border-radius: 8px; background: {panel}; border: 2px solid {accent};
}}
QSlider::handle:horizontal:hover, QSlider::handle:horizontal:focus {{ background: {accent}; }}
QSlider::sub-page:horizontal:disabled {{ background: {line}; }}
QSlider::handle:horizontal:disabled {{ background: {panel}; border-color: {line}; }}
QScrollBar:vertical {{ background: transparent; width: 12px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 12px; margin: 0; }}
QScrollBar::handle {{ background: {line}; border-radius: 4px; margin: 2px; }}
QScrollBar::handle:vertical {{ min-height: 28px; }}
QScrollBar::handle:horizontal {{ min-width: 28px; }}
QScrollBar::handle:hover {{ background: {muted}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QToolButton#small {{ padding: 2px 8px; }}
QToolButton#small:focus {{ padding: 1px 7px; }}
QPlainTextEdit, QListView, QTableWidget, QTextBrowser {{
  background: {panel}; border: 1px solid {line}; border-radius: 6px; outline: none;
  selection-background-color: {accent}; selection-color: {on_accent};
}}
QPlainTextEdit#captions {{ border: 1px solid transparent; }}
QListView::item {{ padding: 4px 6px; }}
QTableWidget {{ gridline-color: {line}; }}
QTableWidget::item {{ padding: 4px 8px; }}
QHeaderView::section {{
  background: {field}; color: {text}; border: none; border-bottom: 1px solid {line};
  padding: 5px 8px 5px 11px;
}}
QMenuBar {{ background: {ground}; }}
QMenuBar::item {{ padding: 5px 10px; background: transparent; }}
QMenuBar::item:selected, QMenu::item:selected {{ background: {accent}; color: {on_accent}; }}
QMenu {{ background: {panel}; border: 1px solid {line}; }}
QMenu::item {{ padding: 5px 24px; }}
QMenu::item:disabled {{ color: {muted}; }}
QToolTip {{ background: {panel}; color: {text}; border: 1px solid {line}; }}
QTabBar::tab {{
  background: {ground}; padding: 7px 16px; border: 1px solid {line}; border-bottom: none;
  border-top-left-radius: 6px; border-top-right-radius: 6px; margin-right: 2px;
}}
QTabBar::tab:selected {{ background: {field}; font-weight: 600; }}
QTabWidget::pane {{ border: 1px solid {line}; }}
QProgressBar {{
  background: {field}; border: 1px solid {line}; border-radius: 6px; text-align: center;
  min-height: 20px;
}}
QProgressBar::chunk {{ background: {accent}; border-radius: 5px; }}
QScrollArea {{ background: transparent; border: none; }}
QScrollArea > QWidget#qt_scrollarea_viewport, QWidget#inside {{ background: transparent; }}
QSplitter::handle {{ background: transparent; }}
QFrame#banner {{ background: {field}; border: 1px solid {line}; border-left: 5px solid {bad}; }}
QFrame#banner[grade="watch"] {{ border-left-color: {watch}; }}
QFrame#banner[grade="good"] {{ border-left-color: {good}; }}
QFrame#health {{ background: {panel}; border-top: 1px solid {line}; }}
"""


def apply(theme: Theme) -> None:
    """Dress the whole application."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    if app.property("theme") == theme.name:
        return
    app.setStyle(QStyleFactory.create("Fusion"))
    app.setPalette(_palette(theme))
    app.setProperty("theme", theme.name)
    app.setStyleSheet(_SHEET.format(marks=MARKS.as_posix(), **asdict(theme)))


def current() -> Theme:
    """The theme that the application wears."""
    app = QApplication.instance()
    return THEMES.get(str(app.property("theme")), DARK) if app is not None else DARK


def of_the_system() -> Theme:
    """The theme that the desktop asks for; dark where it says nothing."""
    from PyQt6.QtCore import Qt

    hints = QGuiApplication.styleHints()
    scheme = hints.colorScheme() if hints else Qt.ColorScheme.Unknown
    return LIGHT if scheme == Qt.ColorScheme.Light else DARK


def _palette(theme: Theme) -> QPalette:
    palette = QPalette()
    roles = QPalette.ColorRole
    for role, colour in (
        (roles.Window, theme.ground),
        (roles.Base, theme.panel),
        (roles.AlternateBase, theme.field),
        (roles.Button, theme.field),
        (roles.WindowText, theme.text),
        (roles.Text, theme.text),
        (roles.ButtonText, theme.text),
        (roles.PlaceholderText, theme.muted),
        (roles.Highlight, theme.accent),
        (roles.HighlightedText, theme.on_accent),
        (roles.Link, theme.accent),
        (roles.ToolTipBase, theme.panel),
        (roles.ToolTipText, theme.text),
    ):
        palette.setColor(role, QColor(colour))
    palette.setColor(QPalette.ColorGroup.Disabled, roles.Highlight, QColor(theme.line))
    for role in (roles.WindowText, roles.Text, roles.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(theme.muted))
    return palette
