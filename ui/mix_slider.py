"""How much is heard of all that is no target: one slider."""

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QGridLayout, QLabel, QSlider, QWidget

from tap_live.events import Decibels, SetMix
from tap_live.ui.controls import soft, title
from tap_live.ui.link import Link
from tap_live.ui.setup import Setup

QUIETEST = -60  # dB at the left end, which is minus infinity


class MixSlider(QWidget):
    """From "only the target" to "everything"."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(QUIETEST, 0)
        self.slider.setPageStep(6)
        self.slider.setAccessibleName(self.tr("How loud everything else is"))
        self._words = QLabel()
        self._words.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._note = soft()
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(2)
        layout.addWidget(title(self.tr("Everything else")), 0, 0)
        layout.addWidget(self._words, 0, 1)
        layout.addWidget(self.slider, 1, 0, 1, 2)
        layout.addWidget(soft(self.tr("only the target")), 2, 0)
        everything = soft(self.tr("everything"))
        everything.setAlignment(Qt.AlignmentFlag.AlignRight)
        layout.addWidget(everything, 2, 1)
        layout.addWidget(self._note, 3, 0, 1, 2)
        self.slider.valueChanged.connect(self._moved)
        link.setup_changed.connect(self.show_setup)
        self.show_setup(link.setup)

    def show_setup(self, setup: Setup) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(QUIETEST if setup.rest is None else max(QUIETEST, round(setup.rest)))
        self.slider.blockSignals(False)
        self._words.setText(_words(setup.rest))
        heard = [one for one in setup.targets if one.on and one.name not in self._link.waiting]
        kept = any(not one.suppress for one in heard)
        self.slider.setEnabled(kept)
        if kept or not setup.targets:
            self._note.setText("" if kept else self.tr("Works once there is a target."))
        else:
            self._note.setText(self.tr("No target is in the sound yet: everything is heard."))
        self._note.setVisible(bool(self._note.text()))

    def _moved(self, value: int) -> None:
        rest: Decibels = None if value == QUIETEST else float(value)
        self._link.change_often(SetMix(id=self._link.new_id(), rest=rest), "mix")


def _words(rest: Decibels) -> str:
    return "−∞ dB" if rest is None else f"{rest:.0f} dB"
