"""How the engine works: extractor, captions, device, models, and what the doctor finds."""

from typing import Any

from PyQt6.QtCore import QLocale, Qt
from PyQt6.QtWidgets import QCheckBox, QFormLayout, QFrame, QGridLayout, QVBoxLayout, QWidget

from tap_live.events import SetCaptions, SetExtractor
from tap_live.extractors.network import installed
from tap_live.processor import TargetKind
from tap_live.ui.bundles_box import BundlesBox
from tap_live.ui.controls import choice, graded, heading, soft, title
from tap_live.ui.doctor_box import DoctorBox
from tap_live.ui.link import Link
from tap_live.ui.setup import Setup

_DEVICES = {"cpu": "CPU", "cuda": "CUDA", "tensorrt": "TensorRT"}
LANGUAGES = (
    "en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "tr", "ar", "hi", "ja", "ko", "zh",
)  # fmt: skip


class EnginePage(QWidget):
    """Choices at the left, models at the right, findings below."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        self.bundles, self.doctor = BundlesBox(link), DoctorBox(link)
        self.extractor = choice(
            self.tr("Extractor"),
            [(self.tr("compact, if installed"), "compact"),
             (self.tr("CLAPSep, the full model for sounds"), "clapsep"),
             (self.tr("none: the sound stays as it is"), "none")],
        )  # fmt: skip
        self.captions = QCheckBox(self.tr("&Caption what is heard"))
        self.captions.setAccessibleName(self.tr("Caption what is heard"))
        self.whisper = choice(self.tr("Whisper model"), [])
        self.language = choice(
            self.tr("Language"),
            [(self.tr("found out"), ""), *((_language(code), code) for code in LANGUAGES)],
        )
        self.others = choice(
            self.tr("Other voices' words"),
            [(self.tr("shown as “other”"), "label"), (self.tr("hidden"), "hide"),
             (self.tr("shown without a name"), "show")],
        )  # fmt: skip
        self.device = choice(
            self.tr("Processor"),
            [(self.tr("the fastest that there is"), "auto"), ("CPU", "cpu"), ("CUDA", "cuda"),
             ("TensorRT", "tensorrt")],
        )  # fmt: skip
        self.placed = soft()
        self._lay_out()
        link.setup_changed.connect(self.show_setup)
        link.engine_changed.connect(lambda: self.show_setup(link.setup))
        self.bundles.listed.connect(lambda: self.show_setup(link.setup))
        self.extractor.activated.connect(lambda: self._set_extractor())
        self.device.activated.connect(lambda: link.place(self.device.currentData()))
        self.captions.clicked.connect(lambda: self._set_captions())
        for box in (self.whisper, self.language, self.others):
            box.activated.connect(lambda: self._set_captions())
        self.show_setup(link.setup)

    def refresh(self) -> None:
        """Look at models and machine again."""
        self.bundles.refresh()
        self.doctor.refresh()

    def show_setup(self, setup: Setup) -> None:
        self._pick(self.extractor, setup.extractor)
        self.captions.setChecked(setup.captions)
        names = list(dict.fromkeys([setup.whisper, *self.bundles.names(), "base"]))
        if [self.whisper.itemData(i) for i in range(self.whisper.count())] != names:
            self.whisper.clear()
            for name in names:
                self.whisper.addItem(name, name)
        self._pick(self.whisper, setup.whisper)
        self._pick(self.language, setup.language or "")
        self._pick(self.others, setup.others)
        self._pick(self.device, setup.device)
        here = not self._link.engine.remote
        for box in (self.extractor, self.device):
            box.setEnabled(here)
        for box in (self.whisper, self.language, self.others):
            box.setEnabled(setup.captions and here)
        self._limits.setText(self._limit_words())
        self._show_placed(setup.device)

    def _show_placed(self, asked: str) -> None:
        """Where networks turned out to run, which may be slower than what was asked for."""
        devices = self._link.devices
        told = ", ".join(f"{name}: {_DEVICES[device]}" for name, device in devices.items())
        slower = asked in ("cuda", "tensorrt") and set(devices.values()) - {asked}
        if not devices:
            text = self.tr("Where networks run is said here once it has started.")
        elif slower:
            text = self.tr("Not all could run where you asked: {told}. The doctor says why.")
        else:
            text = self.tr("In use: {told}.")
        self.placed.setText(text.format(told=told))
        graded(self.placed, "watch" if slower else "")

    def _limit_words(self) -> str:
        if self._link.engine.remote:
            return self.tr("Chosen where the engine was started.")
        kinds: tuple[TargetKind, ...] = ("voice", "sound")
        missing = [kind for kind in kinds if installed(kind) is None]
        if not missing:
            return ""
        bundles = self.tr(" and ").join(f"{kind}-compact" for kind in missing)
        return self.tr(
            "Not installed: {bundles}. Captions follow an enrolled voice without them; the sound "
            "itself stays as it is."
        ).format(bundles=bundles)

    def _set_extractor(self) -> None:
        value: Any = self.extractor.currentData()
        self._link.change(SetExtractor(id=self._link.new_id(), extractor=value))

    def _set_captions(self) -> None:
        others: Any = self.others.currentData()
        command = SetCaptions(
            id=self._link.new_id(),
            on=self.captions.isChecked(),
            whisper=self.whisper.currentData(),
            language=self.language.currentData(),
            others=others,
        )
        if self._link.engine.remote:
            command = SetCaptions(id=command.id, on=command.on)
        self._link.change(command)

    def _pick(self, box: Any, value: str) -> None:
        place = box.findData(value)
        if place < 0:
            box.addItem(value, value)
            place = box.count() - 1
        box.setCurrentIndex(place)

    def _lay_out(self) -> None:
        layout = QGridLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(12)
        layout.addWidget(heading(self.tr("Engine")), 0, 0, 1, 2)
        layout.addWidget(self._choices(), 1, 0)
        layout.addWidget(self.doctor, 2, 0)
        layout.addWidget(self._models(), 1, 1, 2, 1)
        layout.setColumnStretch(0, 2)
        layout.setColumnStretch(1, 3)
        layout.setRowStretch(2, 1)

    def _choices(self) -> QFrame:
        box = QFrame()
        box.setObjectName("box")
        form = QFormLayout(box)
        form.setContentsMargins(12, 12, 12, 12)
        form.setVerticalSpacing(9)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        form.addRow(self.tr("&Extractor"), self.extractor)
        self._limits = soft()
        form.addRow(self._limits)
        form.addRow(self.captions)
        form.addRow(self.tr("&Whisper model"), self.whisper)
        form.addRow(self.tr("&Language"), self.language)
        form.addRow(self.tr("&Other voices"), self.others)
        form.addRow(self.tr("&Processor"), self.device)
        form.addRow(self.placed)
        for field in (self.extractor, self.whisper, self.language, self.others, self.device):
            label = form.labelForField(field)
            assert label is not None
            label.setMinimumHeight(field.sizeHint().height())  # in the middle of its row
        return box

    def _models(self) -> QFrame:
        box = QFrame()
        box.setObjectName("box")
        layout = QVBoxLayout(box)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.addWidget(title(self.tr("Models")))
        layout.addWidget(self.bundles, 1)
        return box


def _language(code: str) -> str:
    return f"{QLocale(code).nativeLanguageName() or code} ({code})"
