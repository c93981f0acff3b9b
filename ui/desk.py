"""An engine that begins and ends streams: carries out commands whether one runs or not.

`execute` and `clear` run on worker threads, `take`, `over` and `give_up` on the interface's. What a
running stream can be told, `LiveControl` does; what changes how a stream is made ends it and
begins another.
"""

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from tap_live.errors import NotPossibleError
from tap_live.events import (
    AnyCommand,
    AnyEvent,
    CheckVoice,
    CommandId,
    CueFromSpan,
    Enrol,
    Failed,
    GetState,
    Mute,
    Progress,
    Record,
    RemoveTarget,
    SetCaptions,
    SetDevice,
    SetExtractor,
    SetMix,
    SetTarget,
    Start,
    Stop,
)
from tap_live.live import Live
from tap_live.processor import Audio
from tap_live.service.commands import Tell
from tap_live.service.control import LiveControl
from tap_live.service.housekeeping import Housekeeping
from tap_live.ui.building import Builder, Built
from tap_live.ui.engine import Phase
from tap_live.ui.setup import Setup, applied
from tap_live.waiting import Tell as Say
from tap_live.waiting import Waiting

_CHANGES = (SetDevice, SetExtractor, SetCaptions, SetMix, Mute, SetTarget, RemoveTarget)
_MOST_AT_ONCE = 500  # events that are taken
POLL_S = 0.05


@dataclass
class Running:
    """A stream, from its beginning until it is put away."""

    live: Live
    control: LiveControl
    built: Built
    preview: bool
    device: str  # that was asked for
    stack: ExitStack = field(default_factory=ExitStack)


class Desk:
    """A `Control` that outlives its streams.

    Args:
        folder: what recordings and clips are kept below.
    """

    def __init__(self, builder: Builder | None = None, folder: Path | None = None) -> None:
        self.phase = Phase.STOPPED
        self.setup = Setup()
        self._builder = builder or Builder(folder)
        self._folder = folder
        self._house = Housekeeping(self._listen, folder, trusted=True)
        self._running: Running | None = None
        self._untaken: tuple[Running, ...] = ()  # streams whose events are not all taken
        self._recording: dict[str, Any] | None = None  # where, once there is a stream
        self._record = False
        self._closing = False
        self._waiting = Waiting()  # of the newest start

    def execute(self, command: AnyCommand, tell: Tell) -> Any:
        match command:
            case Start(preview=preview):
                self.setup = applied(self.setup, command)
                return self._start(preview, _passed_on(command, tell))
            case Stop():
                return self._end()
            case GetState():
                return self._state()
            case Record(on=on):
                return self._set_recording(on)
            case Enrol() | CheckVoice():
                return self._house.execute(command, tell)
            case CueFromSpan():
                return self._to_stream(command)
        if isinstance(command, _CHANGES):
            return self._change(command, _passed_on(command, tell))
        return self._house.execute(command, tell)

    def drop(self, clip: str) -> None:
        self._house.drop(clip)

    def give_up(self) -> None:
        """End a start that has engines built, which takes minutes."""
        self._waiting.cancelled.set()

    def close(self) -> None:
        self._closing = True
        self.give_up()
        self._house.close()
        self._end()

    def take(self) -> list[AnyEvent]:
        """Return what streams told since the last time."""
        untaken, taken = self._untaken, list[AnyEvent]()
        for running in untaken:
            events = running.live.events
            while len(taken) < _MOST_AT_ONCE and (event := events.get(0)) is not None:
                taken.append(event)
        if len(untaken) > 1 and len(taken) < _MOST_AT_ONCE:  # all but the last are over
            self._untaken = self._untaken[len(untaken) - 1 :]
        return taken

    def over(self) -> bool:
        """Whether a stream has ended by itself and waits to be put away."""
        running = self._running
        return (
            running is not None
            and self.phase in (Phase.RUNNING, Phase.PREVIEW)
            and (not running.live.going)
        )

    def clear(self) -> Failed | None:
        """Put a stream away that ended by itself; say why, if it should not have."""
        running = self._running
        if running is None or running.live.going:
            return None
        error = running.live.error
        self._end()
        return Failed(code="engine-ended", text=str(error)) if error else None

    def _start(self, preview: bool, say: Say) -> dict[str, Any]:
        running = self._running
        if running is not None:
            if preview:  # whatever runs shows its levels
                return self._state()
            if not running.preview and running.device == self.setup.device:
                raise NotPossibleError("the engine runs already")
            self._end()  # another device begins another stream
        self._waiting = Waiting(say)
        if self._closing:
            self.give_up()
        self.phase = Phase.STARTING
        try:
            self._begin(preview)
        except BaseException:
            self.phase = Phase.STOPPED
            raise
        self.phase = Phase.PREVIEW if preview else Phase.RUNNING
        return self._state()

    def _begin(self, preview: bool) -> None:
        setup = self.setup
        built = (
            self._builder.preview(setup) if preview else self._builder.build(setup, self._waiting)
        )
        live = Live(built.parts)
        mix = self._builder.mix(built, live)
        control = LiveControl(live, mix, devices=built.devices, folder=self._folder)
        running = Running(live, control, built, preview, self.setup.device)
        live.show_spectra(("mixture", "output"))
        running.stack.callback(control.close)  # also when devices do not open
        with running.stack:
            if self._record and not preview:
                self._recording = self._started_recording(running)
            running.stack.enter_context(live)
            running.stack.callback(control.close)  # before the stream ends, so that it is whole
            running.stack = running.stack.pop_all()
        self._running = running
        self._untaken = (*self._untaken, running)
        live.mute(self.setup.muted)

    def _end(self) -> None:
        running = self._running
        if running is None:
            return
        self.phase = Phase.STOPPING
        try:
            running.stack.close()
        finally:
            self._running, self.phase, self._recording = None, Phase.STOPPED, None

    def _state(self) -> dict[str, Any]:
        running = self._running
        state = running.control.execute(GetState(id=0), _untold) if running else {}
        return {
            **state,
            "phase": self.phase.value,
            "waiting": self._builder.waiting(self.setup),
            "recording": self._recording,
        }

    def _set_recording(self, on: bool) -> dict[str, Any] | None:
        running = self._running if self._running and not self._running.preview else None
        if on and running and not self._recording:
            self._recording = self._started_recording(running)
        elif not on and running and self._recording:
            running.control.execute(Record(id=0, on=False), _untold)
            self._recording = None
        self._record = on
        return self._recording

    def _started_recording(self, running: Running) -> dict[str, Any]:
        begin = running.live.at
        return {**running.control.execute(Record(id=0, on=True), _untold), "begin": begin}

    def _change(self, command: AnyCommand, say: Say) -> dict[str, Any]:
        changed = applied(self.setup, command)
        if isinstance(command, SetExtractor) and changed.extractor != command.extractor:
            raise NotPossibleError(
                f"{command.extractor!r} does not run in this version: choose 'compact', 'clapsep' "
                "or 'none'"
            )
        if isinstance(command, SetTarget):
            self._builder.check(command, changed)
        before, self.setup = self.setup, changed
        told: dict[str, Any] = {"waiting": self._builder.waiting(changed)}
        running = self._running
        if running is not None and not running.preview and changed != before:
            if self._builder.needs_another(running.built, before, changed):
                self._end()
                told = self._start(preview=False, say=say)
            else:
                self._tell(running, command)
        return told

    def _tell(self, running: Running, command: AnyCommand) -> None:
        """Hand a change to the stream, if it is about anything that it has."""
        if isinstance(command, SetCaptions):
            command = SetCaptions(id=command.id, on=command.on)
        heard = not isinstance(command, (SetTarget, RemoveTarget)) or (
            command.target in self._heard(running)
            or command.target in {one.name for one in self._builder.effective(self.setup)}
        )
        if isinstance(command, SetCaptions | Mute) or (heard and not isinstance(command, SetMix)):
            running.control.execute(command, _untold)
        if running.built.kinds:
            rest = self._builder.rest(self.setup)
            running.control.execute(SetMix(id=command.id, rest=rest), _untold)

    def _heard(self, running: Running) -> set[str]:
        targets = running.control.execute(GetState(id=0), _untold)["targets"]
        return {one["name"] for one in targets}

    def _to_stream(self, command: AnyCommand) -> Any:
        running = self._running
        if running is None or running.preview:
            raise NotPossibleError("nothing is being heard: start first")
        return running.control.execute(command, _untold)

    def _listen(
        self, seconds: float, id: CommandId, tell: Tell, cancelled: Event
    ) -> tuple[Audio, int]:
        """Hear the stream that runs or is about to; a preview is enough."""
        while self.phase in (Phase.STARTING, Phase.STOPPING) and not cancelled.wait(POLL_S):
            pass
        running = self._running
        if running is None:
            raise NotPossibleError("the microphone is not open: start, or begin a preview")
        return running.control.listen(seconds, id, tell, cancelled)


def _passed_on(command: AnyCommand, tell: Tell) -> Say:
    """What tells whoever sent a command how long it takes."""

    def say(text: str) -> None:
        tell(Progress(id=command.id, done=0, total=None, text=text))

    return say


def _untold(progress: object) -> None:
    """Progress that nobody watches."""
