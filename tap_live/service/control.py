"""Carry out commands on a live stream.

`execute` runs on the service's worker threads, `_hear` on the extraction thread.
"""

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import numpy as np

from tap_live.audio.files import read_audio
from tap_live.catalogue import catalogue
from tap_live.errors import AudioError, CancelledError, ConfigError, NotPossibleError
from tap_live.events import (
    AnyCommand,
    Cancel,
    CommandId,
    DeleteVoice,
    Enrol,
    GetState,
    ListBundles,
    ListDevices,
    ListVoices,
    Mute,
    Progress,
    Pull,
    Record,
    RemoveTarget,
    SetCaptions,
    SetMix,
    SetTarget,
    Stop,
)
from tap_live.extraction import Mixed
from tap_live.live import Live
from tap_live.processor import Audio
from tap_live.service.clips import data_folder, inside
from tap_live.service.commands import Tell
from tap_live.service.mixing import LiveMix
from tap_live.voices.enrolment import Enroller
from tap_live.voices.store import VoiceStore, check_name
from tap_live.whisper.assemble import assembled
from tap_live.whisper.sources import entry_of

SHORTEST_S, LONGEST_S = 5.0, 120.0  # of an enrolment from the microphone
MOST_OF_A_CLIP_S = 300.0
SILENT_S = 5.0  # without any sound from the stream, after which an enrolment gives up
TELL_S = 0.5
POLL_S = 0.1

_NOT_YET = {
    "start": "the stream runs already; it begins with `tap-live run` and ends with `stop`",
    "set_device": "devices are chosen when a stream starts: `tap-live run --input --output`",
    "set_extractor": "the extractor is chosen when a stream starts",
    "cue_from_span": "sounds are asked for by words or by a clip: `set_target`",
    "export": "bundles are made with `python -m tap_live.export`, where torch is installed",
}


class LiveControl:
    """What a stream that runs can be told.

    Args:
        mix: what the stream keeps, and how loud.
        record: the folder that the whole stream is recorded in anyway, if it is.
        folder: what recordings and clips are kept below; no message names any other.
    """

    def __init__(
        self,
        live: Live,
        mix: LiveMix,
        *,
        record: Path | None = None,
        folder: Path | None = None,
        store: VoiceStore | None = None,
        enroller: Callable[[], Enroller] = Enroller.open,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._live, self._mix, self._record_option = live, mix, record
        self._folder = folder or data_folder()
        self._store = store or VoiceStore()
        self._enroller, self._now = enroller, now
        self._muted = False
        self._captions = True
        self._recording: tuple[Path, Callable[[], None]] | None = None
        self._heard: queue.SimpleQueue[Audio] | None = None
        self._tasks: dict[CommandId, Event] = {}
        live.tap(self._hear)

    def execute(self, command: AnyCommand, tell: Tell) -> Any:
        match command:
            case Stop():
                return self._live.stop()
            case Mute(on=on):
                self._muted = on
                return self._live.mute(on)
            case SetCaptions():
                return self._set_captions(command)
            case Record(on=on):
                return self._start_recording() if on else self._end_recording()
            case GetState():
                return self._state()
            case SetMix(rest=rest):
                return self._mix.set_rest(rest)
            case SetTarget():
                return self._mix.set_target(command)
            case RemoveTarget(target=target):
                return self._mix.remove(target)
            case ListVoices():
                return self._voices()
            case DeleteVoice(name=name):
                return self._store.delete(name)
            case ListDevices():
                return _devices()
            case ListBundles():
                return [msgspec.to_builtins(row) for row in catalogue()]
            case Enrol():
                return self._enrol(command, tell)
            case Pull():
                return self._pull(command, tell)
            case Cancel(task=task):
                return self._cancel(task)
        tag = str(command.__struct_config__.tag)
        raise NotPossibleError(f"{tag} is not possible: {_NOT_YET[tag]}")

    def close(self) -> None:
        for task in list(self._tasks.values()):
            task.set()
        if self._recording:
            self._end_recording()

    def _state(self) -> dict[str, Any]:
        folder = self._recording[0] if self._recording else self._record_option
        return {
            "at": self._live.at,
            "rate": self._live.rate,
            "muted": self._muted,
            "captions": self._captions,
            "recording": str(folder) if folder else None,
            **self._mix.state(),
        }

    def _set_captions(self, command: SetCaptions) -> None:
        if command.whisper is not None or command.language is not None:
            raise NotPossibleError(
                "model and language are chosen when a stream starts: "
                "`tap-live run --whisper --language`"
            )
        self._live.caption(command.on)
        self._captions = command.on

    def _start_recording(self) -> dict[str, str]:
        if self._record_option:
            raise NotPossibleError(f"all of this stream is recorded in {self._record_option}")
        if self._recording is None:
            folder = self._folder / "recordings" / f"{self._now():%Y-%m-%d-%H%M%S}"
            self._recording = folder, self._live.record(folder)
        return {"folder": str(self._recording[0])}

    def _end_recording(self) -> dict[str, str]:
        if self._record_option:
            raise NotPossibleError("`run --record` records until the stream ends")
        if self._recording is None:
            raise NotPossibleError("nothing is being recorded")
        folder, end = self._recording
        end()
        self._recording = None
        return {"folder": str(folder)}

    def _voices(self) -> list[dict[str, Any]]:
        voices = [self._store.load(name) for name in self._store.names()]
        return [
            {"name": voice.name, "clips": len(voice.clips), "speech": round(voice.speech, 1)}
            for voice in voices
        ]

    def _enrol(self, command: Enrol, tell: Tell) -> dict[str, Any]:
        check_name(command.name)
        with self._task(command.id) as cancelled:
            if command.clip is None:
                audio, rate = self._listen(command, tell, cancelled), self._live.rate
            else:
                path = inside(self._folder / "clips", command.clip)
                audio, rate = read_audio(path, lambda event: None, None)
            audio = audio[: round(MOST_OF_A_CLIP_S * rate)]
            made_from, day = command.clip or "microphone", self._now().date().isoformat()
            enrolment = self._enroller().enrol(command.name, audio, rate, source=made_from, day=day)
        voice = self._store.add(enrolment.accepted())
        findings = {finding.code: finding.text for finding in enrolment.findings}
        return {"name": voice.name, "clips": len(voice.clips), "findings": findings}

    def _listen(self, command: Enrol, tell: Tell, cancelled: Event) -> Audio:
        """Take the next seconds of the stream; (T,) at its rate."""
        if not SHORTEST_S <= command.seconds <= LONGEST_S:
            raise ConfigError(
                f"a voice is enrolled from {SHORTEST_S:.0f} to {LONGEST_S:.0f} seconds, "
                f"not from {command.seconds:g}"
            )
        rate = self._live.rate
        wanted, told, silent_s = round(command.seconds * rate), 0, 0.0
        heard = [np.empty(0, np.float32)]
        blocks: queue.SimpleQueue[Audio] = queue.SimpleQueue()
        self._heard = blocks
        try:
            while (got := sum(map(len, heard))) < wanted:
                if got >= told:
                    tell(Progress(id=command.id, done=got, total=wanted, text="listening"))
                    told = got + round(TELL_S * rate)
                try:
                    heard.append(blocks.get(timeout=POLL_S))
                    silent_s = 0.0
                except queue.Empty:
                    silent_s += POLL_S
                if silent_s > SILENT_S:
                    raise AudioError(f"the stream gave no sound for {SILENT_S:.0f} s")
                _check(cancelled)
        finally:
            self._heard = None
        return np.concatenate(heard)[:wanted]

    def _hear(self, mixed: Mixed) -> None:
        heard = self._heard
        if heard is not None:
            heard.put(mixed.mixture)

    def _pull(self, command: Pull, tell: Tell) -> dict[str, str]:
        entry_of(command.bundle)  # a name that we know, never a path
        with self._task(command.id) as cancelled:

            def progress(what: str, done: int, total: int) -> None:
                _check(cancelled)
                tell(Progress(id=command.id, done=done, total=total, text=what))

            return {"folder": str(assembled(command.bundle, progress=progress))}

    @contextmanager
    def _task(self, id: CommandId) -> Iterator[Event]:
        self._tasks[id] = cancelled = Event()
        try:
            yield cancelled
        finally:
            del self._tasks[id]

    def _cancel(self, id: CommandId) -> None:
        task = self._tasks.get(id)
        if task is None:
            raise NotPossibleError(f"no long task with the id {id!r} is under way")
        task.set()


def _check(cancelled: Event) -> None:
    if cancelled.is_set():
        raise CancelledError("that was cancelled")


def _devices() -> list[dict[str, Any]]:
    from tap_live.portaudio import portaudio  # looks for sound devices when it is loaded

    return [asdict(device) for device in portaudio().devices()]
