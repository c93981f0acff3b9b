"""Which device is heard or played on, with its level; follows devices that come and go."""

from pathlib import Path
from typing import Any

from PyQt6.QtWidgets import QComboBox, QFileDialog, QGridLayout, QWidget

from tap_live.commands.parts import SUFFIXES
from tap_live.events import SetDevice
from tap_live.ui.controls import choice, title
from tap_live.ui.level_meter import LevelMeter
from tap_live.ui.link import Link
from tap_live.ui.setup import DEFAULT_OUTPUT, NO_OUTPUT, Setup

_FILE = object()  # asks for a file
_ELSEWHERE = object()


class DeviceChoice(QWidget):
    """One direction: a list of devices above a level meter.

    Args:
        role: "input" or "output".
        demo: a file that is offered by name, to try things out.
    """

    def __init__(self, link: Link, role: str, demo: Path | None = None) -> None:
        super().__init__()
        self._link, self._role, self._demo = link, role, demo
        name = self.tr("Input") if role == "input" else self.tr("Output")
        self.meter = LevelMeter(self.tr("Level of the {name}").format(name=name.lower()))
        self.box: QComboBox = choice(name, [])
        self._found: list[dict[str, Any]] = []
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(4)
        label = title(name)
        label.setBuddy(self.box)
        layout.addWidget(label, 0, 0)
        layout.addWidget(self.box, 0, 1)
        layout.addWidget(self.meter, 1, 1)
        layout.setColumnStretch(1, 1)
        self.box.activated.connect(self._chosen)
        link.setup_changed.connect(self._select)
        link.engine_changed.connect(self._show_engine)
        self.show_devices([])
        self._show_engine()

    def _show_engine(self) -> None:
        """Devices of an engine elsewhere are chosen where it was started."""
        self.box.setEnabled(not self._link.engine.remote)
        self._select(self._link.setup)

    def show_devices(self, devices: list[dict[str, Any]]) -> None:
        """Offer these, as `list_devices` gives them."""
        found = [device for device in devices if device["role"] == self._role]
        if found == self._found and self.box.count():
            return
        self._found = found
        opened = self.box.view()
        if opened is not None and opened.isVisible():
            return
        self.box.clear()
        for words, value in self._standing():
            self.box.addItem(words, value)
        for device in found:
            if device["kind"] != "monitor":
                self.box.addItem(device["description"], device["name"])
        self.box.addItem(self.tr("A file…"), _FILE)
        self._select(self._link.setup)

    @property
    def there(self) -> bool:
        """Whether there is any device at all, beside what the computer itself plays."""
        return any(device["kind"] != "monitor" for device in self._found)

    def _standing(self) -> list[tuple[str, str | None]]:
        if self._role == "output":
            return [
                (self.tr("Nothing is played"), NO_OUTPUT),
                (self.tr("The system's output"), DEFAULT_OUTPUT),
                (self.tr("A virtual microphone for other programs"), "virtual-mic"),
            ]
        items: list[tuple[str, str | None]] = [
            (self.tr("The system's microphone"), None),
            (self.tr("What the computer plays"), "monitor"),
        ]
        if self._demo is not None:
            items.append((self.tr("The demo conversation"), str(self._demo)))
        return items

    def _select(self, setup: Setup) -> None:
        if self._link.engine.remote:
            words = self.tr("Chosen where the engine was started")
            if self.box.itemText(0) != words:
                self.box.insertItem(0, words, _ELSEWHERE)
            self.box.setCurrentIndex(0)
            return
        if self.box.itemData(0) is _ELSEWHERE:
            self.box.removeItem(0)
        value = setup.input if self._role == "input" else setup.output
        place = next((i for i in range(self.box.count()) if self.box.itemData(i) == value), -1)
        if place < 0:
            gone = self.tr("{name} (not there now)").format(name=value)
            words = Path(value or "").name if _is_file(value) else gone
            self.box.insertItem(self.box.count() - 1, words, value)
            place = self.box.count() - 2
        self.box.setCurrentIndex(place)
        self.box.setToolTip(self.box.currentText())

    def _chosen(self, place: int) -> None:
        value = self.box.itemData(place)
        if value is _FILE:
            value = self._ask_for_file()
            if value is None:
                self._select(self._link.setup)
                return
        if self._role == "output" and value == DEFAULT_OUTPUT:
            value = None
        role: Any = self._role
        self._link.change(SetDevice(id=self._link.new_id(), role=role, name=value))

    def choose_file(self) -> None:
        """Ask for a file, as the last entry of the list does."""
        self._chosen(self.box.findData(_FILE))

    def _ask_for_file(self) -> str | None:
        if self._role == "output":
            name, _ = QFileDialog.getSaveFileName(
                self, self.tr("Play into a file"), "output.wav", "WAV, FLAC (*.wav *.flac)"
            )
        else:
            kinds = " ".join(f"*{suffix}" for suffix in SUFFIXES)
            name, _ = QFileDialog.getOpenFileName(
                self, self.tr("Listen to a file"), "", self.tr("Sound") + f" ({kinds})"
            )
        return name or None


def _is_file(value: str | None) -> bool:
    return value is not None and Path(value).suffix.lower() in SUFFIXES
