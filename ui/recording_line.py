"""What is recorded, where it is kept, and what those who can be heard should know."""

from PyQt6.QtCore import QUrl
from PyQt6.QtGui import QDesktopServices
from PyQt6.QtWidgets import QHBoxLayout, QWidget

from tap_live.service.clips import data_folder
from tap_live.ui.controls import button, soft
from tap_live.ui.engine import Phase
from tap_live.ui.link import Link


class RecordingLine(QWidget):
    """A line that is always there, so that nothing moves when it has something to say."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        self._wanted = False
        self.words = soft()
        self.open = button(self.tr("Open the folder"), self._open)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.words, 1)
        layout.addWidget(self.open)
        lines = 2 * self.words.fontMetrics().lineSpacing()
        self.setMinimumHeight(max(lines, self.open.sizeHint().height()))
        self.open.hide()
        link.recording_changed.connect(self._show)
        link.engine_changed.connect(self._show)
        link.phase_changed.connect(self._show)
        self._show()

    def show_wanted(self, wanted: bool) -> None:
        """Whether what comes is to be kept."""
        self._wanted = wanted
        self._show()

    def _show(self) -> None:
        self.words.setText(self._said())
        folder = self._link.recorded_in
        self.open.setVisible(folder is not None and not self._link.engine.remote)

    def _said(self) -> str:
        folder, running = self._link.recorded_in, self._link.phase is Phase.RUNNING
        if self._wanted and running:
            asked = self.tr("Recording is on: everybody who can be heard should know and agree.")
            return f"{asked} {self._kept(folder)}"
        if self._wanted:
            asked = self.tr(
                "Recording begins with the start: everybody who can be heard should know and agree."
            )
            return f"{asked} {self._kept(None)}"
        if folder is not None:
            return self.tr("The recording is in {folder}").format(folder=folder)
        return self.tr("Nothing is recorded.")

    def _kept(self, folder: str | None) -> str:
        if self._link.engine.remote:
            where = folder or self.tr("its data folder")
            return self.tr("It is kept on the engine's machine, in {folder}").format(folder=where)
        where = folder or str(data_folder() / "recordings")
        return self.tr("It stays on this computer, in {folder}").format(folder=where)

    def _open(self) -> None:
        folder = self._link.recorded_in
        if folder is not None and not QDesktopServices.openUrl(QUrl.fromLocalFile(folder)):
            text = self.tr("no program here opens folders; the recording is in {folder}")
            self._link.trouble.emit(text.format(folder=folder))
