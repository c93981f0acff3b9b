"""Who and what is asked for, and how loud everything else is."""

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QFrame, QLabel, QVBoxLayout

from tap_live.events import RemoveTarget, SetTarget, Target
from tap_live.ui.controls import button, scrolling, soft, title
from tap_live.ui.link import Link
from tap_live.ui.mix_slider import MixSlider
from tap_live.ui.setup import Setup
from tap_live.ui.target_row import TargetRow

NARROWEST = 248  # pixels for a row with its gain, and the scroll bar


class TargetsBox(QFrame):
    """The list of targets, and the mix."""

    add_wanted = pyqtSignal()

    def __init__(self, link: Link) -> None:
        super().__init__()
        self.setObjectName("box")
        self._link = link
        self.rows: dict[str, TargetRow] = {}
        self._empty = soft(
            self.tr(
                "Everything is heard and captioned. Add a voice or a sound to ask for it alone."
            )
        )
        self.add = button(self.tr("Add a &target…"), self.add_wanted.emit)
        self.mix = MixSlider(link)
        self._list = QVBoxLayout()
        self._list.setContentsMargins(0, 0, 6, 0)
        self._list.addWidget(self._empty)
        self._list.addStretch()
        area = scrolling(self._list, self.tr("Targets"))
        area.setMinimumWidth(NARROWEST)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 10)
        layout.addWidget(title(self.tr("Targets")))
        layout.addWidget(area, 1)
        layout.addWidget(self.add)
        layout.addWidget(_rule())
        layout.addWidget(self.mix)
        link.setup_changed.connect(self.show_setup)
        link.heard.connect(self._hear)
        self.show_setup(link.setup)

    def show_setup(self, setup: Setup) -> None:
        """Show a row for each target, and no other."""
        wanted = {wish.name: wish for wish in setup.targets}
        for name in [name for name in self.rows if name not in wanted]:
            row = self.rows.pop(name)
            self._list.removeWidget(row)
            row.hide()
            row.deleteLater()
        for name, wish in wanted.items():
            if name not in self.rows:
                self.rows[name] = self._row(wish.name)
            self.rows[name].show_wish(wish, self._link.waiting.get(name) if wish.on else None)
        self._empty.setVisible(not wanted)

    def clear_presence(self) -> None:
        for row in self.rows.values():
            row.show_presence(None)

    def _row(self, name: str) -> TargetRow:
        wish = self._link.setup.target(name)
        assert wish is not None
        row = TargetRow(wish)
        row.turned.connect(self._turn)
        row.gained.connect(self._gain)
        row.removed.connect(self._remove)
        self._list.insertWidget(self._list.count() - 1, row)
        return row

    def _turn(self, name: str, on: bool) -> None:
        self._link.turn_target(name, on)

    def _gain(self, name: str, gain: float | None) -> None:
        link, wish = self._link, self._link.setup.target(name)
        if wish is not None:
            command = SetTarget(id=link.new_id(), target=name, gain=gain, suppress=wish.suppress)
            link.change_often(command, name)

    def _remove(self, name: str) -> None:
        self._link.change(RemoveTarget(id=self._link.new_id(), target=name))

    def _hear(self, event: object) -> None:
        if isinstance(event, Target) and event.name in self.rows:
            self.rows[event.name].show_presence(event.present)


def _rule() -> QLabel:
    line = QLabel()
    line.setFixedHeight(6)
    return line
