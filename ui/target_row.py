"""One target in the list: on or off, there or not, how loud."""

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QCheckBox, QFrame, QGridLayout, QLabel, QSlider

from tap_live.events import Decibels
from tap_live.ui.controls import graded, tool
from tap_live.ui.setup import TargetWish

QUIETEST, LOUDEST = -40, 12  # dB; the slider's left end is minus infinity
LONGEST = 20  # letters of a name


class TargetRow(QFrame):
    """Show a `TargetWish`; the signals say what is wished for instead."""

    turned = pyqtSignal(str, bool)
    gained = pyqtSignal(str, object)
    removed = pyqtSignal(str)

    def __init__(self, wish: TargetWish) -> None:
        super().__init__()
        self.setObjectName("target")
        self.wish = wish
        self.on = QCheckBox(_short(wish.label).replace("&", "&&"))
        self.on.setAccessibleName(self.tr("Use {name}").format(name=wish.label))
        self.on.setToolTip(wish.name)  # whole
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        self.state = QLabel()
        self.state.setMinimumWidth(70)
        self.state.setAlignment(right)
        self.gain = QSlider(Qt.Orientation.Horizontal)
        self.gain.setRange(QUIETEST, LOUDEST)
        self.gain.setMinimumWidth(80)
        self.gain.setAccessibleName(self.tr("Gain of {name}").format(name=wish.label))
        self._gain_words = QLabel()
        self._gain_words.setMinimumWidth(56)
        self._gain_words.setAlignment(right)
        self._remove = tool(
            "✕", self.tr("Take {name} off the list").format(name=wish.label), self._gone
        )
        self._remove.setObjectName("small")
        self._lay_out()
        self.show_wish(wish, None)
        self.on.toggled.connect(lambda on: self.turned.emit(self.wish.name, on))
        self.gain.valueChanged.connect(self._gained)

    def show_wish(self, wish: TargetWish, waits_for: str | None) -> None:
        """Show what is wished for, and the bundle that it waits for, if it does."""
        self.wish = wish
        self._waits_for = waits_for
        for silent in (self.on, self.gain):
            silent.blockSignals(True)
        self.on.setChecked(wish.on)
        self.gain.setValue(QUIETEST if wish.gain is None else round(wish.gain))
        for silent in (self.on, self.gain):
            silent.blockSignals(False)
        self._gain_words.setText(_decibels(wish.gain))
        for control in (self.gain, self._gain_words):
            control.setEnabled(wish.on)
            control.setVisible(not wish.suppress and waits_for is None)
        self._kind.setText(self._kind_words())
        self.show_presence(None)

    def show_presence(self, present: bool | None) -> None:
        """Say whether it is there; None if nobody knows."""
        wish = self.wish
        if not wish.on:
            self.state.setText(self.tr("off"))
            graded(self.state, "")
        elif present is None:
            self.state.setText("")
        else:
            self.state.setText(self.tr("● present") if present else self.tr("○ absent"))
            graded(self.state, "good" if present else "")

    def _kind_words(self) -> str:
        words = self.tr("voice") if self.wish.kind == "voice" else self.tr("sound")
        if self.wish.suppress:
            words += self.tr(", removed")
        if self._waits_for is None:
            return words
        if self.wish.kind == "voice" and not self.wish.suppress:
            return words + self.tr(": its words only; no extractor is installed for its sound")
        return words + self.tr(": waits for the bundle {bundle}, which is not installed").format(
            bundle=self._waits_for
        )

    def _gained(self, value: int) -> None:
        gain: Decibels = None if value == QUIETEST else float(value)
        self._gain_words.setText(_decibels(gain))
        self.gained.emit(self.wish.name, gain)

    def _gone(self) -> None:
        self.removed.emit(self.wish.name)

    def _lay_out(self) -> None:
        self._kind = QLabel()
        self._kind.setProperty("soft", True)
        self._kind.setWordWrap(True)
        layout = QGridLayout(self)
        layout.setContentsMargins(10, 7, 8, 8)
        layout.setVerticalSpacing(2)
        layout.addWidget(self.on, 0, 0, 1, 3)
        layout.addWidget(self._remove, 0, 3)
        layout.addWidget(self._kind, 1, 0, 1, 2)
        layout.addWidget(self.state, 1, 2, 1, 2)
        layout.addWidget(self.gain, 2, 0, 1, 2)
        layout.addWidget(self._gain_words, 2, 2, 1, 2)
        layout.setColumnStretch(0, 1)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def _decibels(gain: Decibels) -> str:
    return "−∞ dB" if gain is None else f"{gain:+.0f} dB" if round(gain) else "0 dB"
