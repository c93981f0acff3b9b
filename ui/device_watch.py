"""Follow devices that come and go, while somebody can see the list."""

from typing import Any

from PyQt6.QtCore import QObject, QTimer

from tap_live.events import ListDevices
from tap_live.ui.link import Link
from tap_live.ui.listen_page import ListenPage

EVERY_MS = 3000


class DeviceWatch(QObject):
    """Ask the engine here for its devices every few seconds."""

    def __init__(self, link: Link, page: ListenPage) -> None:
        super().__init__(page)
        self._link, self._page = link, page
        self._asked = False  # and not answered yet: a sound server may take its time
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY_MS)
        self._timer.timeout.connect(self.look)
        self._timer.start()

    def look(self) -> None:
        """Ask now, unless nobody sees it or the devices are elsewhere."""
        link = self._link
        if self._page.isVisible() and not link.engine.remote and not self._asked:
            self._asked = True
            link.send(ListDevices(id=link.new_id()), self.show, self._refused)

    def show(self, devices: list[dict[str, Any]]) -> None:
        self._asked = False
        self._page.input.show_devices(devices)
        self._page.output.show_devices(devices)

    def _refused(self, why: str) -> None:
        self._asked = False

    def stop(self) -> None:
        self._timer.stop()
