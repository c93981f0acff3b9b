"""Make a bundle of a checkpoint on the engine's machine, where PyTorch is installed there."""

from pathlib import Path
from typing import Any

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from tap_live.events import Cancel, Export, Progress
from tap_live.export.exporters import EXPORTERS
from tap_live.ui.controls import button, choice, graded, soft
from tap_live.ui.link import Link


class ExportDialog(QDialog):
    """Ask what of, what for and how exactly; follow it, and give it up."""

    def __init__(self, link: Link, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._task: str | None = None
        self.setWindowTitle(self.tr("Make a bundle"))
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.resize(560, 380)
        self.model = choice(self.tr("Model"), [(name, name) for name in EXPORTERS])
        self.checkpoint = QLineEdit()
        self.checkpoint.setAccessibleName(self.tr("Checkpoint"))
        self.checkpoint.setPlaceholderText(self.tr("a file or folder of weights"))
        self.file = button(self.tr("Choose…"), self._ask)
        self.to = choice(self.tr("For"), [("ONNX Runtime", "onnx"), ("TensorRT", "tensorrt")])
        self.precision = choice(
            self.tr("Precision"), [(name, name) for name in ("fp32", "fp16", "bf16", "int8")]
        )
        self.bar = QProgressBar()
        self.bar.setAccessibleName(self.tr("How far it is"))
        self.bar.setVisible(False)
        self.verdict = QLabel()
        self.verdict.setWordWrap(True)
        self.verdict.setAccessibleName(self.tr("What came of it"))
        self.start = button(self.tr("Make it"), self.make, main=True)
        self.stop = button(self.tr("Give up"), self._cancel)
        self._lay_out()
        self.checkpoint.textChanged.connect(lambda: self._show_ready())
        self._show_ready()

    def make(self) -> None:
        """Tell the engine."""
        command = Export(
            id=self._link.new_id(),
            model=self.model.currentData(),
            checkpoint=self.checkpoint.text().strip(),
            to=self.to.currentData(),
            precision=self.precision.currentData(),
        )
        self._task = str(command.id)
        self.bar.setRange(0, 0)
        self.bar.setVisible(True)
        self._say(self.tr("Beginning…"), "")
        self._show_ready()
        self._link.send(command, self._made, self._failed, self._progress)

    def done(self, a0: int) -> None:
        """Leaving gives up what is under way."""
        self._cancel()
        super().done(a0)

    def _progress(self, progress: Progress) -> None:
        self.bar.setRange(0, progress.total or 0)
        self.bar.setValue(progress.done)
        self._say(progress.text, "")

    def _made(self, result: dict[str, Any]) -> None:
        text = self.tr("The bundle is in {folder}. It computes what PyTorch does.")
        self._end(text.format(folder=result["folder"]), "good")

    def _failed(self, why: str) -> None:
        self._end(why, "bad")

    def _end(self, text: str, grade: str) -> None:
        self._task = None
        self.bar.setVisible(False)
        self._say(text, grade)
        self._show_ready()

    def _cancel(self) -> None:
        if self._task is not None:
            self._link.send(Cancel(id=self._link.new_id(), task=self._task))

    def _say(self, text: str, grade: str) -> None:
        self.verdict.setText(text)
        graded(self.verdict, grade)

    def _show_ready(self) -> None:
        idle = self._task is None
        for control in (self.model, self.checkpoint, self.to, self.precision):
            control.setEnabled(idle)
        self.file.setEnabled(idle and not self._link.engine.remote)
        self.start.setEnabled(idle and bool(self.checkpoint.text().strip()))
        self.stop.setEnabled(not idle)

    def _ask(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, self.tr("A checkpoint"))
        if name:
            self.checkpoint.setText(str(Path(name)))

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.checkpoint, 1)
        row.addWidget(self.file)
        form = QFormLayout()
        form.setVerticalSpacing(9)
        form.addRow(self.tr("&Model"), self.model)
        form.addRow(self.tr("&Checkpoint"), row)
        form.addRow(self.tr("&For"), self.to)
        form.addRow(self.tr("&Precision"), self.precision)
        ends = QHBoxLayout()
        ends.addWidget(button(self.tr("Close"), self.reject))
        ends.addStretch()
        ends.addWidget(self.stop)
        ends.addWidget(self.start)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(12)
        layout.addWidget(
            soft(
                self.tr(
                    "A checkpoint becomes a bundle that runs without PyTorch, and is compared with "
                    "it. PyTorch has to be installed where the engine runs."
                )
            )
        )
        layout.addLayout(form)
        layout.addWidget(self.bar)
        layout.addWidget(self.verdict)
        layout.addStretch()
        layout.addLayout(ends)
