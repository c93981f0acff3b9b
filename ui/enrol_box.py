"""The enrolment wizard: a name, a sentence to read, how it sounds, the verdict, a test."""

from functools import partial
from pathlib import Path
from typing import Any

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from tap_live.events import Cancel, CheckVoice, Enrol, Level, Progress, Start, Stop
from tap_live.ui.bringing import Bringing
from tap_live.ui.controls import OwnReturn, button, graded, soft
from tap_live.ui.engine import Phase
from tap_live.ui.level_meter import LevelMeter
from tap_live.ui.link import Link

SECONDS, TEST_S = 12.0, 5.0
QUIET_DB, LOUD_DB = -50.0, -3.0  # peaks


class EnrolBox(QWidget):
    """Enrol one voice; `enrolled` tells its name."""

    enrolled = pyqtSignal(str)
    busied = pyqtSignal(bool)

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        self._bringing = Bringing(link, self)
        self._bringing.told.connect(self._show_sent)
        self._task: str | None = None
        self._opened = False  # whether the microphone is open for us
        self._testable = False  # whether the name is that of a voice that was just heard
        self.name = OwnReturn()
        self.name.setPlaceholderText(self.tr("Name"))
        self.name.setAccessibleName(self.tr("Name of the voice"))
        self.name.setMaxLength(40)
        self.name.textChanged.connect(lambda: self._renamed())
        self.name.returnPressed.connect(self.record)
        self.meter = LevelMeter(self.tr("Level of the microphone"))
        self.advice = soft()
        self.bar = QProgressBar()
        self.bar.setAccessibleName(self.tr("How much is recorded"))
        self.bar.setTextVisible(False)
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # nothing moves when it comes
        self.bar.setSizePolicy(policy)
        self.bar.hide()
        self.verdict = QLabel()
        self.verdict.setWordWrap(True)
        self.verdict.setAccessibleName(self.tr("Verdict"))
        self.start = button(
            self.tr("Record {s} s").format(s=f"{SECONDS:.0f}"), self.record, main=True
        )
        self.file = button(self.tr("From a file…"), self._ask_for_file)
        self.cancel = button(self.tr("Cancel"), self._cancel)
        self.test = button(self.tr("Test it"), self.check)
        self._lay_out()
        link.heard.connect(self._hear)
        self._show_ready()

    def record(self) -> None:
        """Enrol from the microphone, which is opened for that if nothing runs."""
        if not self.start.isEnabled():
            return
        self._say(self.tr("Read the sentence aloud, as you usually speak."))
        link = self._link
        self._with_microphone(
            Enrol(id=link.new_id(), name=self.name.text().strip(), seconds=SECONDS), self._done
        )

    def enrol_file(self, path: Path) -> None:
        """Enrol from a recording."""
        self._say(self.tr("Listening to {file}…").format(file=path.name))
        self._bringing.bring(path, self._enrol_clip, self._failed)
        self._busy(True)

    def _enrol_clip(self, clip: str) -> None:
        name = self.name.text().strip()
        self._send(Enrol(id=self._link.new_id(), name=name, clip=clip), self._done)

    def _show_sent(self, done: int, total: int) -> None:
        self.bar.setMaximum(total)
        self.bar.setValue(done)

    def reset(self, name: str = "") -> None:
        """Be ready for another voice, or for one more clip of one."""
        self.name.setText(name)
        self._say("")
        self.bar.setValue(0)
        self.name.setFocus()
        self._show_ready()

    def close_microphone(self) -> None:
        """Give the microphone back, if it was opened here."""
        if self._opened and self._link.phase is Phase.PREVIEW:
            self._link.send(Stop(id=self._link.new_id()))
        self._opened = False

    def _with_microphone(self, command: Enrol | CheckVoice, then: Any) -> None:
        link = self._link
        if link.phase is not Phase.STOPPED:
            self._send(command, then)
            return
        self._opened = True
        self._busy(True)
        start = Start(id=link.new_id(), preview=True)
        link.send(start, partial(self._opened_for, command, then), self._failed)

    def _opened_for(self, command: Enrol | CheckVoice, then: Any, state: Any) -> None:
        self._send(command, then)

    def _send(self, command: Enrol | CheckVoice, then: Any) -> None:
        self._task = str(command.id)
        self._busy(True)
        self._link.send(command, then, self._failed, self._progress)

    def _progress(self, progress: Progress) -> None:
        self.bar.setMaximum(progress.total or 0)
        self.bar.setValue(progress.done)

    def _done(self, result: dict[str, Any]) -> None:
        self._finish()
        good = self.tr(
            "{name} is enrolled: {speech:.0f} s of speech, {snr:.0f} dB above the noise."
        ).format(name=result["name"], speech=result["speech"], snr=result["snr"])
        findings = [self.tr("Could be better: {text}").format(text=text)
                    for text in result["findings"].values()]  # fmt: skip
        self._say("\n".join([good, *findings]), "watch" if findings else "good")
        self._testable = not self._link.engine.remote or self._link.phase is Phase.RUNNING
        self._show_ready()
        self.enrolled.emit(result["name"])

    def _tested(self, result: dict[str, Any]) -> None:
        self._finish()
        self._testable = True
        self._show_ready()
        if result["same"]:
            text = self.tr("That is {name}.").format(name=result["name"])
            self._say(text, "good")
        else:
            text = self.tr("That does not sound like {name}: record one more clip, or try again.")
            self._say(text.format(name=result["name"]), "watch")

    def check(self) -> None:
        """Hear whether somebody is that voice."""
        self._say(self.tr("Say something else, for five seconds."))
        link, name = self._link, self.name.text().strip()
        command = CheckVoice(id=link.new_id(), name=name, seconds=TEST_S)
        self._with_microphone(command, self._tested)

    def _failed(self, why: str) -> None:
        self._finish()
        self._say(why, "bad")

    def _finish(self) -> None:
        self._task = None
        self._busy(False)
        self.bar.setMaximum(1)
        self.bar.setValue(0)
        self.close_microphone()

    def _cancel(self) -> None:
        if self._task is not None:
            self._link.send(Cancel(id=self._link.new_id(), task=self._task))

    def _hear(self, event: object) -> None:
        if not isinstance(event, Level) or not self.isVisible():
            return
        self.meter.show_level(event.mixture)
        if self._task is None:
            return
        peak = event.mixture.peak
        if peak is None or peak < QUIET_DB:
            self.advice.setText(self.tr("Very quiet: is the microphone on?"))
        elif peak > LOUD_DB:
            self.advice.setText(self.tr("Too loud: turn the microphone down."))
        else:
            self.advice.setText(self.tr("The level is good."))

    def _say(self, text: str, grade: str = "") -> None:
        self.verdict.setText(text)
        self.verdict.setAccessibleDescription(text)
        graded(self.verdict, grade)

    def _busy(self, busy: bool) -> None:
        self.name.setEnabled(not busy)
        self.cancel.setEnabled(busy)
        self.bar.setVisible(busy)
        self.busied.emit(busy)
        self._show_ready()

    def _renamed(self) -> None:
        self._testable = False
        self._show_ready()

    def _show_ready(self) -> None:
        named, idle = bool(self.name.text().strip()), self._task is None and not self._bringing.busy
        self.start.setEnabled(named and idle)
        self.file.setEnabled(named and idle)
        self.test.setEnabled(self._testable and idle)
        if self._task is None:
            self.cancel.setEnabled(False)

    def _ask_for_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self,
            self.tr("A recording of that voice alone"),
            "",
            self.tr("Sound") + " (*.wav *.flac *.ogg *.mp3)",
        )
        if name:
            self.enrol_file(Path(name))

    def _lay_out(self) -> None:
        sentence = QLabel(
            "“" + self.tr(
                "When the sunlight strikes raindrops in the air, they act as a prism and form a "
                "rainbow. People look, but no one ever finds the pot of gold at its end, and "
                "that is why it is told again and again."
            ) + "”"
        )  # fmt: skip
        sentence.setWordWrap(True)
        buttons = QHBoxLayout()
        for control in (self.start, self.file, self.cancel, self.test):
            buttons.addWidget(control)
        buttons.addStretch()
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addWidget(self.name)
        layout.addWidget(soft(self.tr("Read this aloud, alone, in a quiet place:")))
        layout.addWidget(sentence)
        layout.addLayout(buttons)
        layout.addWidget(self.bar)
        layout.addWidget(self.meter)
        layout.addWidget(self.advice)
        layout.addWidget(self.verdict)
        layout.addStretch()
        layout.addWidget(
            soft(
                self.tr(
                    "A voiceprint is biometric. It stays on this computer, readable by you "
                    "alone, and holds no sound; you can delete it at any time."
                )
            )
        )
