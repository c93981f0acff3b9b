"""Ask for a sound by an example: a file that is dropped or chosen."""

from pathlib import Path

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QDragEnterEvent, QDropEvent
from PyQt6.QtWidgets import QFileDialog, QLabel, QVBoxLayout, QWidget

from tap_live.ui.controls import button, soft


class ClipBox(QWidget):
    """A place to drop a file; `ready` tells whether there is one."""

    ready = pyqtSignal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.path: Path | None = None
        self.setAcceptDrops(True)
        self._chosen = QLabel(self.tr("Drop a recording of the sound here"))
        self._chosen.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._chosen.setWordWrap(True)
        self._chosen.setAccessibleName(self.tr("The chosen file"))
        layout = QVBoxLayout(self)
        layout.addStretch()
        layout.addWidget(self._chosen)
        layout.addWidget(
            button(self.tr("Choose a file…"), self._ask), alignment=Qt.AlignmentFlag.AlignCenter
        )
        layout.addStretch()
        layout.addWidget(
            soft(
                self.tr(
                    "Or mark a part of the spectrogram in the main view, and say “more of this” "
                    "or “remove this”."
                )
            )
        )

    def choose(self, path: Path) -> None:
        self.path = path
        self._chosen.setText(path.name)
        self.ready.emit(True)

    def dragEnterEvent(self, a0: QDragEnterEvent | None) -> None:
        mime = a0.mimeData() if a0 is not None else None
        if a0 is not None and mime is not None and mime.hasUrls():
            a0.acceptProposedAction()

    def dropEvent(self, a0: QDropEvent | None) -> None:
        mime = a0.mimeData() if a0 is not None else None
        files = [Path(url.toLocalFile()) for url in mime.urls()] if mime is not None else []
        if files and files[0].is_file():
            self.choose(files[0])

    def _ask(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, self.tr("A recording of the sound"), "",
            self.tr("Sound") + " (*.wav *.flac *.ogg *.mp3)",
        )  # fmt: skip
        if name:
            self.choose(Path(name))
