"""What the doctor finds on the engine's machine, with what to do."""

from typing import Any

from PyQt6.QtWidgets import QFrame, QLabel, QVBoxLayout

from tap_live.events import Doctor
from tap_live.ui.controls import button, graded, scrolling, soft, title
from tap_live.ui.link import Link

_GRADES = {"ok": "", "warning": "watch", "failed": "bad"}


class DoctorBox(QFrame):
    """A list of findings, made anew on request."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self.setObjectName("box")
        self._link = link
        self._states = {
            "ok": self.tr("✓ ok"),
            "warning": self.tr("▲ warning"),
            "failed": self.tr("■ failed"),
        }
        self.findings = QVBoxLayout()
        self.findings.setContentsMargins(0, 0, 6, 0)
        area = scrolling(self.findings, self.tr("What the doctor found"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.addWidget(title(self.tr("Doctor")))
        layout.addWidget(area, 1)
        layout.addWidget(button(self.tr("Look again"), self.refresh))

    def refresh(self) -> None:
        """Have the engine look at its machine."""
        self._say(self.tr("Looking at the engine's machine…"))
        self._link.send(Doctor(id=self._link.new_id()), self.show_findings, self._say)

    def show_findings(self, findings: list[dict[str, Any]]) -> None:
        """Say what was found, as `doctor` gives it: the gravest first."""
        self._clear()
        order = list(_GRADES)
        for finding in sorted(findings, key=lambda one: order.index(one["state"]), reverse=True):
            state = finding["state"]
            label = QLabel(f"{self._states[state]}: {finding['what']}: {finding['text']}")
            label.setWordWrap(True)
            graded(label, _GRADES[state])
            self.findings.addWidget(label)
            if finding["cure"]:
                cure = soft(f"→ {finding['cure']}")
                cure.setContentsMargins(14, 0, 0, 4)
                self.findings.addWidget(cure)
        self.findings.addStretch()

    def _say(self, text: str) -> None:
        self._clear()
        self.findings.addWidget(soft(text))
        self.findings.addStretch()

    def _clear(self) -> None:
        while (item := self.findings.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()  # at once; it is deleted when the event loop comes to it
                widget.deleteLater()
