"""Between an engine and the widgets: one timer takes events, and answers find who asked."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from msgspec.structs import replace
from PyQt6 import sip
from PyQt6.QtCore import QObject, Qt, QTimer, pyqtSignal

from tap_live.events import (
    AnyCommand,
    AnyEvent,
    Failed,
    GetState,
    Ok,
    Progress,
    Record,
    RemoveTarget,
    SetTarget,
    Start,
)
from tap_live.providers import Device
from tap_live.ui.engine import Engine, Phase
from tap_live.ui.setup import Setup, TargetWish, applied, commands_for, told, with_target

FRAME_MS = 32  # a little less than a thirtieth of a second: a frame is late at times


@dataclass(frozen=True)
class Asker:
    """Who waits for an answer."""

    then: Callable[[Any], None] | None
    failed: Callable[[str], None] | None
    progress: Callable[[Progress], None] | None


_NOBODY = Asker(None, None, None)


class Link(QObject):
    """Send commands, and tell what the engine says.

    `setup` is what was asked for, `heard` every event of the stream, `frame` comes after all
    events of a moment: what moves is drawn then.
    """

    heard = pyqtSignal(object)
    frame = pyqtSignal()
    phase_changed = pyqtSignal(object)
    setup_changed = pyqtSignal(object)
    engine_changed = pyqtSignal()
    recording_changed = pyqtSignal()
    trouble = pyqtSignal(str)
    slow = pyqtSignal(str)  # what takes minutes, and nobody asked how far it is

    def __init__(self, engine: Engine, setup: Setup | None = None) -> None:
        super().__init__()
        self.engine = engine
        self.own = setup or Setup()  # what an engine of our own is begun with
        self.setup = Setup() if engine.remote else self.own
        self.waiting: dict[str, str] = {}  # targets that are not heard yet, and why
        self.recording: dict[str, Any] | None = None  # that of the newest stream
        self.recorded_in: str | None = None  # the folder of the newest recording, ended or not
        self.devices: dict[str, str] = {}  # where each network runs, once there is a stream
        self.phase = engine.phase
        self._ids = (f"panel-{number}" for number in itertools.count(1))
        self._askers: dict[Any, Asker] = {}
        self._later: dict[str, AnyCommand] = {}  # the newest of what changes often
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self.poll)

    def start(self) -> None:
        """Begin to listen; an engine of our own is told the setup."""
        if self.engine.remote:
            self._ask_state()
        else:
            for command in commands_for(self.setup, self._ids):
                self.send(command, self._take_news)
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    def new_id(self) -> str:
        return next(self._ids)

    def send(
        self,
        command: AnyCommand,
        then: Callable[[Any], None] | None = None,
        failed: Callable[[str], None] | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        """Send a command with an id from `new_id`; a failure that nobody takes is told."""
        self._askers[command.id] = Asker(then, failed, progress)
        self.engine.send(command)

    def begin(self) -> None:
        """Begin a stream."""
        self._keep(None)
        self.send(Start(id=self.new_id(), device=self.setup.device), self._take_news)

    def place(self, device: Device) -> None:
        """Run networks on a device, from now on; a stream that runs begins anew."""
        command = Start(id=self.new_id(), device=device)
        if self.phase is Phase.RUNNING:
            self.change(command)
        else:
            self._adopt(applied(self.setup, command))

    def change(self, command: AnyCommand, failed: Callable[[str], None] | None = None) -> None:
        """Send what changes the setup; it is taken back if the engine refuses."""
        before = self.setup
        self._adopt(applied(before, command))

        def refused(why: str) -> None:
            if self.setup == applied(before, command):
                self._adopt(before)
            (failed or self.trouble.emit)(why)

        self.send(command, self._take_news, refused)

    def change_often(self, command: AnyCommand, key: str) -> None:
        """Change the setup now, and tell the engine a few times a second at most."""
        self._adopt(applied(self.setup, command))
        if not self._later:
            QTimer.singleShot(100, self._flush)
        self._later[key] = command

    def use_setup(self, setup: Setup) -> None:
        """Be as another setup says."""
        for wish in self.setup.targets:
            if wish.on:
                self.send(RemoveTarget(id=self.new_id(), target=wish.name), self._take_news)
        self._adopt(setup)
        for command in commands_for(setup, self._ids):
            self.send(command, self._take_news)

    def turn_target(self, name: str, on: bool) -> None:
        """Ask for a target that is in the list, or keep it there and do without."""
        wish = self.setup.target(name)
        if wish is None or wish.on == on:
            return
        self._adopt(with_target(self.setup, replace(wish, on=on)))
        id = self.new_id()
        command: AnyCommand = RemoveTarget(id=id, target=name)
        if on:
            command = SetTarget(id=id, target=name, gain=wish.gain, suppress=wish.suppress)
        self.send(command, self._take_news)

    def add_known(self, name: str, suppress: bool) -> None:
        """List a target that the engine asks for already."""
        self._adopt(with_target(self.setup, TargetWish(name=name, suppress=suppress)))

    def record(self, on: bool) -> None:
        """Keep what comes, or no more; `recording` tells where.

        One that ended with its stream can be heard until the next begins.
        """

        def kept(result: Any) -> None:
            if on or self.phase is Phase.RUNNING:
                self._keep(result if on and isinstance(result, dict) else None)

        self.send(Record(id=self.new_id(), on=on), kept)

    def use(self, engine: Engine) -> None:
        """Go on with another engine; the old one is closed by whoever made it."""
        self.engine, self._askers, self.waiting = engine, {}, {}
        self.recording, self.recorded_in = None, None
        self._adopt(Setup() if engine.remote else self.own)
        self.engine_changed.emit()
        self.start()

    def poll(self) -> None:
        """Take what the engine told since the last time."""
        for event in self.engine.poll():
            self._take(event)
        if self.engine.phase is not self.phase:
            self.phase = self.engine.phase
            self.phase_changed.emit(self.phase)
            if self.engine.remote and self.phase is Phase.RUNNING:
                self._ask_state()
        self.frame.emit()

    def _take(self, event: AnyEvent) -> None:
        if isinstance(event, Progress):
            asker = self._askers.get(event.id)
            if asker and asker.progress:
                _call(asker.progress, event)
            elif asker:
                self.slow.emit(event.text)
        elif isinstance(event, Ok):
            _call(self._askers.pop(event.id, _NOBODY).then, event.result)
        elif isinstance(event, Failed) and event.id is not None:
            asker = self._askers.pop(event.id, _NOBODY)
            _call(asker.failed or self.trouble.emit, event.text)
        else:
            self.heard.emit(event)

    def _ask_state(self) -> None:
        """Find out what an engine elsewhere was begun with."""
        self.send(GetState(id=self.new_id()), self._take_state, lambda why: None)

    def _take_state(self, state: Any) -> None:
        if isinstance(state, dict):
            self._take_news({"devices": state.get("devices", {})})
            self._adopt(told(state))

    def _adopt(self, setup: Setup) -> None:
        if setup != self.setup:
            self.setup = setup
            if not self.engine.remote:
                self.own = setup
            self.setup_changed.emit(setup)

    def _take_news(self, result: Any) -> None:
        """What an engine of our own tells with many answers."""
        if not isinstance(result, dict):
            return
        self._keep(result.get("recording", self.recording))
        if result.get("devices", self.devices) != self.devices:
            self.devices = result["devices"]
            self.setup_changed.emit(self.setup)
        if "waiting" in result and result["waiting"] != self.waiting:
            self.waiting = result["waiting"]
            self.setup_changed.emit(self.setup)

    def _keep(self, recording: dict[str, Any] | None) -> None:
        if recording == self.recording:
            return
        self.recording = recording
        if recording is not None:
            self.recorded_in = str(recording["folder"])
        self.recording_changed.emit()

    def _flush(self) -> None:
        commands, self._later = list(self._later.values()), {}
        for command in commands:
            self.send(command, self._take_news)


def _call(answered: Callable[[Any], None] | None, what: Any) -> None:
    """Tell who asked, unless that was a dialog that is gone."""
    if answered is None:
        return
    plain = answered.func if isinstance(answered, partial) else answered
    owner = getattr(plain, "__self__", None)
    if not (isinstance(owner, QObject) and sip.isdeleted(owner)):
        answered(what)


def is_busy(phase: Phase) -> bool:
    """Whether a phase passes by itself."""
    return phase in (Phase.STARTING, Phase.STOPPING)
