"""The models that there are, each with its card; fetching those that are not here."""

from typing import Any

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QProgressBar, QTextBrowser, QVBoxLayout, QWidget

from tap_live.events import Cancel, ListBundles, Progress, Pull, ShowBundle
from tap_live.ui.controls import button, soft
from tap_live.ui.export_dialog import ExportDialog
from tap_live.ui.link import Link
from tap_live.ui.table import Table

_WEIGHTS = "whisper weights"


class BundlesBox(QWidget):
    """A table of models, the card of the chosen one, and its fetching."""

    listed = pyqtSignal()

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        self._task: str | None = None
        self.rows: list[dict[str, Any]] = []
        columns = [self.tr("Model"), self.tr("Kind"), self.tr("Size"), self.tr("State")]
        self.table = Table(self.tr("Models"), columns, wide=1)
        self.table.itemSelectionChanged.connect(self._show_card)
        self.card = QTextBrowser()
        self.card.setAccessibleName(self.tr("Card of the model"))
        self.card.setOpenExternalLinks(True)
        self.bar = QProgressBar()
        self.bar.setAccessibleName(self.tr("How much is fetched"))
        self.bar.setVisible(False)
        self.words = soft()
        self.pull = button(self.tr("Fetch"), self._pull)
        self.cancel = button(self.tr("Cancel"), self._cancel)
        self.cancel.setEnabled(False)
        self.pull.setEnabled(False)
        row = QHBoxLayout()
        for control in (self.pull, self.cancel, self.bar):
            row.addWidget(control)
        row.addWidget(self.words, 1)
        row.addWidget(button(self.tr("Make a bundle…"), self.make))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table, 3)
        layout.addLayout(row)
        layout.addWidget(self.card, 2)

    def refresh(self) -> None:
        """Ask the engine for the list."""
        self._link.send(ListBundles(id=self._link.new_id()), self._show)

    def make(self) -> None:
        """Ask for a checkpoint to make a bundle of."""
        dialog = ExportDialog(self._link, self.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def names(self) -> list[str]:
        """Of the Whisper models that can be chosen, those that are here first."""
        weights = [row for row in self.rows if row["kind"] == _WEIGHTS]
        return [row["name"] for row in sorted(weights, key=lambda row: row["state"] != "here")]

    def _show(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows
        states = {
            "shipped": self.tr("shipped"),
            "here": self.tr("here"),
            "to be fetched": self.tr("to be fetched"),
        }
        self.table.show_rows(
            [
                (row["name"], row["kind"], f"{row['bytes'] / 1e6:.1f} MB", states[row["state"]])
                for row in rows
            ]
        )
        self.listed.emit()
        if rows and self.table.currentRow() < 0:
            self.table.selectRow(0)

    def _chosen(self) -> dict[str, Any] | None:
        number = self.table.currentRow()
        return self.rows[number] if 0 <= number < len(self.rows) else None

    def _show_card(self) -> None:
        row = self._chosen()
        if row is None:
            return
        weights = row["kind"] == _WEIGHTS
        self.pull.setEnabled(weights and self._task is None)
        if weights:
            self.card.setMarkdown(
                self.tr(
                    "**Whisper {name}**: OpenAI's weights, {licence}. They are read from "
                    "CTranslate2 folders and made ready once; they are not part of TAP Live."
                ).format(name=row["name"], licence=row["licence"])
            )
            return
        command = ShowBundle(id=self._link.new_id(), bundle=row["name"])
        self._link.send(command, self._take_card, self.card.setPlainText)

    def _take_card(self, card: dict[str, Any]) -> None:
        row = self._chosen()
        sources = "".join(f"\n- {source}" for source in card["sources"])
        made, licence = self.tr("made by"), self.tr("licence")
        under = f"{licence}: {row['licence']}\n\n" if row and row["name"] == card["name"] else ""
        self.card.setMarkdown(f"{card['card']}\n\n{under}{made}: `{card['made_by']}`\n{sources}")

    def _pull(self) -> None:
        row = self._chosen()
        if row is not None:
            command = Pull(id=self._link.new_id(), bundle=row["name"])
            self._task = str(command.id)
            self._busy(True)
            self._link.send(command, self._pulled, self._failed, self._progress)

    def _progress(self, progress: Progress) -> None:
        self.bar.setMaximum(progress.total or 0)
        self.bar.setValue(progress.done)
        self.words.setText(progress.text)

    def _pulled(self, result: dict[str, Any]) -> None:
        self._failed(self.tr("Ready in {folder}").format(folder=result["folder"]))
        self.refresh()

    def _failed(self, why: str) -> None:
        self._task = None
        self._busy(False)
        self.words.setText(why)

    def _cancel(self) -> None:
        if self._task is not None:
            self._link.send(Cancel(id=self._link.new_id(), task=self._task))

    def _busy(self, busy: bool) -> None:
        self.bar.setVisible(busy)
        self.pull.setEnabled(not busy)
        self.cancel.setEnabled(busy)
