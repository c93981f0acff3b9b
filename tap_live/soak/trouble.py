"""Make the planned faults happen; `act` runs on the room's thread, between two blocks."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tap_live.live import Live
from tap_live.soak.faults import Fault
from tap_live.soak.models import Orders
from tap_live.soak.room import RoomSource
from tap_live.soak.visitors import GoodReader, Strangers


@dataclass(frozen=True)
class Stage:
    """All that faults happen to."""

    source: RoomSource
    live: Live
    captioner: Orders
    extractor: Orders
    reader: GoodReader
    strangers: Strangers
    folder: Path


class Trouble:
    """Begin and end each fault at its time of the stream.

    Attributes:
        recordings: folders of recordings that were begun and ended.
        errors: what went wrong with the faults themselves.
    """

    def __init__(self, faults: Sequence[Fault], stage: Stage) -> None:
        self.recordings: list[Path] = []
        self.errors: list[str] = []
        self._coming = list(faults)
        self._running: list[Fault] = []
        self._stage = stage
        self._ends: list[Callable[[], None]] = []  # of recordings
        self._begin, self._end = self._actions()

    def act(self, at: float) -> None:
        """Do all that is due at `at` seconds."""
        while self._coming and self._coming[0].start <= at:
            self._running.append(self._coming.pop(0))
            self._do(self._begin, self._running[-1])
        for fault in [fault for fault in self._running if fault.stop <= at]:
            self._running.remove(fault)
            self._do(self._end, fault)

    def _do(self, actions: dict[str, Callable[[], None]], fault: Fault) -> None:
        try:
            actions.get(fault.kind, lambda: None)()
        except Exception as error:  # the stream has to go on, or nobody would hear of it
            self.errors.append(f"{fault.kind} at {fault.start:.0f} s: {error!r}")

    def _actions(self) -> tuple[dict[str, Callable[[], None]], dict[str, Callable[[], None]]]:
        stage, source = self._stage, self._stage.source
        begin: dict[str, Callable[[], None]] = {
            "microphone stalls": lambda: setattr(source, "stalled", True),
            "microphone sticks": source.stick,
            "microphone pulled out": source.pull,
            "microphone runs fast": lambda: setattr(source, "speed", 2.0),
            "captions overloaded": lambda: setattr(source, "rushing", True),
            "captioner slow": lambda: stage.captioner.give("slow"),
            "captioner raises": lambda: stage.captioner.give("raises"),
            "extractor slow": lambda: stage.extractor.give("slow"),
            "extractor gives NaN": lambda: stage.extractor.give("gives NaN"),
            "extractor hangs": lambda: stage.extractor.give("hangs"),
            "subscriber never reads": stage.strangers.never_reads,
            "subscriber sends garbage": stage.strangers.sends_garbage,
            "subscriber leaves in mid-frame": stage.strangers.leaves_in_mid_frame,
            "subscriber floods": stage.strangers.floods,
            "good reader comes back": stage.reader.come_back,
            "recording begun and ended": self._record,
            "recording's folder goes": self._record,
        }
        end: dict[str, Callable[[], None]] = {
            "microphone stalls": lambda: setattr(source, "stalled", False),
            "microphone pulled out": source.plug,
            "microphone runs fast": lambda: setattr(source, "speed", 1.0),
            "captions overloaded": lambda: setattr(source, "rushing", False),
            "subscriber never reads": stage.strangers.leave,
            "subscriber floods": stage.strangers.leave,
            "recording begun and ended": self._end_recording,
            "recording's folder goes": self._lose_folder,
        }
        return begin, end

    def _record(self) -> None:
        folder = self._stage.folder / f"recording-{len(self.recordings)}"
        self._ends.append(self._stage.live.record(folder))
        self.recordings.append(folder)

    def _end_recording(self) -> None:
        self._ends.pop()()

    def _lose_folder(self) -> None:
        shutil.rmtree(self.recordings.pop())
        self._ends.pop()()
